"""Which addresses a link may lead to, against the IANA registries and the forms that hide an address in another."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.addresses import is_public
from tests.hostile_urls import FORBIDDEN_V4, FORBIDDEN_V6

# The registries' rows (read 2026-11), whatever they say of reachability: no file is offered in any of them.
REGISTRY_V4 = """
0.0.0.0/8           this network                       0.0.0.0/32          this host on this network
10.0.0.0/8          private                            100.64.0.0/10       shared address space
127.0.0.0/8         loopback                           169.254.0.0/16      link local
172.16.0.0/12       private                            192.0.0.0/24        protocol assignments
192.0.0.0/29        service continuity                 192.0.0.8/32        dummy address
192.0.0.9/32        port control anycast               192.0.0.10/32       TURN anycast
192.0.0.170/32      NAT64 discovery                    192.0.0.171/32      NAT64 discovery
192.0.2.0/24        TEST-NET-1                         192.31.196.0/24     AS112
192.52.193.0/24     AMT                                192.88.99.0/24      6to4 relay anycast, deprecated
192.88.99.2/32      6a44 relay anycast                 192.168.0.0/16      private
192.175.48.0/24     AS112, delegated directly          198.18.0.0/15       benchmarking
198.51.100.0/24     TEST-NET-2                         203.0.113.0/24      TEST-NET-3
240.0.0.0/4         reserved                           255.255.255.255/32  limited broadcast
"""
REGISTRY_V6 = """
::1/128             loopback                           ::/128              unspecified
::ffff:0:0/96       IPv4-mapped                        64:ff9b:1::/48      translation, local use
100::/64            discard only                       100:0:0:1::/64      dummy prefix
2001::/23           protocol assignments               2001::/32           Teredo
2001:1::1/128       port control anycast               2001:1::2/128       TURN anycast
2001:1::3/128       DNS-SD registration anycast        2001:2::/48         benchmarking
2001:3::/32         AMT                                2001:4:112::/48     AS112
2001:10::/28        ORCHID, deprecated                 2001:20::/28        ORCHIDv2
2001:30::/28        drone remote id                    2001:db8::/32       documentation
2002::/16           6to4                               2620:4f:8000::/48   AS112, delegated directly
3fff::/20           documentation                      5f00::/16           segment routing SIDs
fc00::/7            unique local                       fe80::/10           link local
"""
ELSEWHERE = """
224.0.0.0/4         multicast                          168.63.129.16/32    Azure, public by number only
::/96               IPv4-compatible, deprecated        ::ffff:0:0:0/96     IPv4-translated
fec0::/10           site local, deprecated             ff00::/8            multicast
4000::/3            not assigned                       e000::/4            not assigned
"""
BLOCKS = [ip_network(word) for word in (REGISTRY_V4 + REGISTRY_V6 + ELSEWHERE).split() if "/" in word]
BLOCKS_V4 = [block for block in BLOCKS if isinstance(block, IPv4Network)]
PUBLIC = """
1.1.1.1 9.9.9.9 100.63.255.255 100.128.0.0 172.15.255.255 172.32.0.1 192.0.1.1 198.17.255.255 198.20.0.1
223.255.255.255 2606:4700:4700::1111 2a00:1450:4001::200e 2001:200::1 64:ff9b::1.1.1.1 2a00:1450::5efe:1.1.1.1
"""
METADATA = """
169.254.169.254 169.254.170.2 169.254.170.23 169.254.0.23 169.254.10.10 168.63.129.16 100.100.100.200 192.0.0.192
fd00:ec2::254 fd00:ec2::23 fd20:ce::254 fe80::a9fe:a9fe
"""


def hiding(address: IPv4Address) -> list[str]:
    """IPv6 addresses that lead to *address*, or once did, somewhere."""
    number = int(address)
    return [
        f"::ffff:{address}",
        f"::{address}",
        f"::ffff:0:{address}",
        f"64:ff9b::{address}",
        f"64:ff9b:1::{address}",
        str(IPv6Address((0x2002 << 112) | (number << 80) | 1)),
        str(IPv6Address((0x20010000 << 96) | (number << 64))),
        str(IPv6Address((0x20010000 << 96) | (number ^ 0xFFFFFFFF))),
        *(f"2a00:1450:4001:824:{bits}:5efe:{address}" for bits in ("0", "100", "200", "300")),
        f"fe80::5efe:{address}",
    ]


@pytest.mark.parametrize("address", PUBLIC.split())
def test_is_public__the_open_internet(address: str) -> None:
    """An address outside every special block may be connected to, through the translation of DNS64 too."""
    assert is_public(address)


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_is_public__no_special_block(block: IPv4Network | IPv6Network) -> None:
    """F53, F58: from its first address to its last, no block of the registries is public."""
    for place in (0, 1, block.num_addresses // 2, -2, -1):
        assert not is_public(str(block[place] if abs(place) < block.num_addresses else block[0]))


@pytest.mark.parametrize("block", BLOCKS_V4, ids=str)
def test_is_public__no_special_block_inside_another_address(block: IPv4Network) -> None:
    """F54: the same block in IPv4-mapped, compatible, translated, NAT64, 6to4, Teredo and ISATAP form."""
    for address in (block[0], block[block.num_addresses // 2], block[-1]):
        assert [] == [hidden for hidden in hiding(address) if is_public(hidden)]


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_is_public__neighbours_are(block: IPv4Network | IPv6Network) -> None:
    """Nothing but the blocks is refused: the address before and the one behind is public, unless it is in another."""
    first, last = int(block[0]), int(block[-1])
    space = IPv6Network("2000::/3") if isinstance(block, IPv6Network) else IPv4Network("0.0.0.0/0")
    for number in (first - 1, last + 1):
        if int(space[0]) <= number <= int(space[-1]):
            address = type(block[0])(number)
            assert is_public(str(address)) is not any(address in other for other in BLOCKS)


@pytest.mark.parametrize("address", [*METADATA.split(), *FORBIDDEN_V4, *FORBIDDEN_V6])
def test_is_public__where_clouds_tell_secrets(address: str) -> None:
    """F58: no metadata address of a cloud is public, nor is anything the generator of hostile URLs hides."""
    assert not is_public(address)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "localhost",
        "2130706433",
        "0x7f.1",
        "127.1",
        "017700000001",
        "1.1.1",
        "1.1.1.1 ",
        "1.1.1.1/32",
        "01.1.1.1",
        "\uff11.1.1.1",
        "[2a00::1]",
        "2a00::1%eth0",
        "fe80::1%eth0",
        "64:ff9b::1.1.1.1%1",
    ],
)
def test_is_public__unreadable(text: str) -> None:
    """What is no address in its plain form, or has a zone, is not connected to."""
    assert not is_public(text)


@given(st.integers(0, 2**32 - 1))
def test_is_public__of_any_ipv4_address(number: int) -> None:
    """An IPv4 address is public or in a block; translated by DNS64 it is judged like itself, hidden otherwise never."""
    address = IPv4Address(number)
    expected = not any(address in block for block in BLOCKS_V4)
    assert expected is is_public(str(address)) is is_public(f"64:ff9b::{address}")
    special = address.is_private or address.is_multicast or address.is_reserved or address.is_link_local
    assert not (special and expected)
    for hidden in hiding(address):
        assert expected or not is_public(hidden)


@given(st.integers(0, 2**128 - 1) | st.integers(0x2 << 124, (0x4 << 124) - 1))
def test_is_public__of_any_ipv6_address(number: int) -> None:
    """An IPv6 address is public only as global unicast, outside of every block, with nothing special hidden in it."""
    address = ip_address(number) if number >= 2**32 else IPv6Address(number)
    if is_public(str(address)):
        assert address in IPv6Network("2000::/3")
        assert not any(address in block for block in BLOCKS)
