"""Which network a client belongs to: what limits count by."""

from ipaddress import IPv6Address, ip_address


def network_of(address: str) -> str:
    """An IPv4 address is its own. Of IPv6 the /64, in which one client has as many addresses as it likes."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if not isinstance(found, IPv6Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return f"{IPv6Address(int(found) >> 64 << 64)}/64"


def is_local(address: str) -> bool:
    """Whether a client is on this machine; one without an address is in this process, or on a unix socket."""
    try:
        return not address or ip_address(address).is_loopback
    except ValueError:
        return False
