"""Which network an address belongs to: what limits count by, and what is on the public internet."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address


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


# All but the public unicast internet, and Azure's host service. What `ipaddress` calls global differs by release.
_CLOSED_4 = """0/8 10/8 100.64/10 127/8 168.63.129.16/32 169.254/16 172.16/12 192.0.0/24 192.0.2/24 192.88.99/24
    192.168/16 198.18/15 198.51.100/24 203.0.113/24 224/4 240/4"""
_CLOSED_6 = [IPv6Network(net) for net in ("2001::/23", "2001:db8::/32", "3fff::/20")]
_OPEN_6 = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")


def _network(short: str) -> IPv4Network:
    numbers, _, length = short.partition("/")
    return IPv4Network((".".join((numbers.split(".") + ["0"] * 3)[:4]), int(length)))


_CLOSED_4_NETWORKS = [_network(short) for short in _CLOSED_4.split()]


def is_public(address: Address) -> bool:
    """Whether it is a host on the public internet. An IPv4 address inside an IPv6 one is judged as itself."""
    if isinstance(address, IPv4Address):
        return not any(address in net for net in _CLOSED_4_NETWORKS)
    inner = address.ipv4_mapped or address.sixtofour
    if address in _NAT64:
        inner = IPv4Address(address.packed[-4:])
    if inner is not None:
        return is_public(inner)
    return address in _OPEN_6 and not any(address in net for net in _CLOSED_6)
