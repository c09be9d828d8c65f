"""
Which addresses the public network has: public unicast ones, and nothing else. Pure.

`ipaddress.is_global` disagrees with the IANA special-purpose registries on 15 of their blocks, eight of them the
dangerous way, so the blocks stand here. https://www.iana.org/assignments/iana-ipv4-special-registry and
…/iana-ipv6-special-registry (read 2026-11), those that the registries call reachable too, since no file is offered
there; plus multicast, and addresses that embed another one.
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

_REFUSED_V4 = tuple(
    map(
        IPv4Network,
        (
            "0.0.0.0/8",  # this network
            "10.0.0.0/8",
            "100.64.0.0/10",  # shared address space of carriers, and Alibaba's metadata
            "127.0.0.0/8",
            "168.63.129.16/32",  # Azure's metadata address, public by number only
            "169.254.0.0/16",  # link-local, and most clouds' metadata
            "172.16.0.0/12",
            "192.0.0.0/24",  # protocol assignments, and Oracle's metadata
            "192.0.2.0/24",  # documentation
            "192.31.196.0/24",  # AS112
            "192.52.193.0/24",  # AMT
            "192.88.99.0/24",  # 6to4 relays, deprecated
            "192.168.0.0/16",
            "192.175.48.0/24",  # AS112
            "198.18.0.0/15",  # benchmarking
            "198.51.100.0/24",
            "203.0.113.0/24",
            "224.0.0.0/3",  # multicast, reserved, broadcast
        ),
    )
)
# IPv6 is judged the other way round: only global unicast (2000::/3) may pass, less what is special inside it.
_GLOBAL_V6 = IPv6Network("2000::/3")
_REFUSED_V6 = tuple(
    map(
        IPv6Network,
        (
            "2001::/23",  # protocol assignments: Teredo, benchmarking, ORCHID among them
            "2001:db8::/32",  # documentation
            "2002::/16",  # 6to4: any IPv4 address inside
            "2620:4f:8000::/48",  # AS112
            "3fff::/20",  # documentation
        ),
    )
)
# Of a network without IPv4: its resolver (DNS64) puts the address of every IPv4 host in here. RFC 6052.
_TRANSLATED = IPv6Network("64:ff9b::/96")
# Before an IPv4 address in an interface's id, the bits for "universal" and "group" aside: ISATAP, RFC 5214, 6.1.
_ISATAP = 0x5EFE
_ISATAP_MASK = 0xFCFF_FFFF


def is_public(address: str) -> bool:
    """Whether *address*, in the textual form a resolver returns, is one of them. What cannot be read is none."""
    try:
        read = ip_address(address)
    except ValueError:
        return False
    if isinstance(read, IPv4Address):
        return _is_public_v4(read)
    return read.scope_id is None and _is_public_v6(read)


def _is_public_v4(address: IPv4Address) -> bool:
    return not any(address in network for network in _REFUSED_V4)


def _is_public_v6(address: IPv6Address) -> bool:
    number = int(address)
    inside = IPv4Address(number & 0xFFFF_FFFF)
    if address in _TRANSLATED:
        return _is_public_v4(inside)
    if (number >> 32) & _ISATAP_MASK == _ISATAP and not _is_public_v4(inside):
        return False
    return address in _GLOBAL_V6 and not any(address in network for network in _REFUSED_V6)
