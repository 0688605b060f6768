"""By which way an outgoing request leaves: directly, or through the proxy that the settings name."""

from ipaddress import ip_address, ip_network

from holdgate.core.config import Settings


def proxy_for(scheme: str, host: str, settings: Settings) -> str:
    """The proxy on the way to this host; empty when it is reached directly, as this machine always is."""
    proxy = settings.https_proxy if scheme == "https" else settings.http_proxy
    return "" if not proxy or _is_direct(host, settings.no_proxy) else proxy


def _is_direct(host: str, no_proxy: str) -> bool:
    try:
        address = ip_address(host)
    except ValueError:
        return host == "localhost" or any(_covers_name(entry.strip(), host) for entry in no_proxy.split(","))
    return address.is_loopback or any(_covers_address(entry.strip(), host) for entry in no_proxy.split(","))


def _covers_name(entry: str, host: str) -> bool:
    """Whether an entry of NO_PROXY is this name, or a domain that it is in."""
    domain = entry.lower().removeprefix("*").removeprefix(".")
    return entry == "*" or (domain != "" and f".{host}".endswith(f".{domain}"))


def _covers_address(entry: str, address: str) -> bool:
    """Whether an entry of NO_PROXY is this address, or a network (10.0.0.0/8) that has it."""
    try:
        return entry == "*" or ip_address(address) in ip_network(entry, strict=False)
    except ValueError:
        return False  # a name
