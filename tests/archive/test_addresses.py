"""Which addresses a link may lead to, against the IANA registries and the forms that hide an address in another."""

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.addresses import is_public

PUBLIC = """
1.1.1.1 9.9.9.9 100.63.255.255 100.128.0.0 172.15.255.255 172.32.0.1 192.0.1.1 198.17.255.255 198.20.0.1
223.255.255.255 2606:4700:4700::1111 2a00:1450:4001::200e 2001:200::1
"""
SPECIAL = """
0.0.0.0 0.1.2.3 10.1.2.3 100.64.0.1 100.127.255.255 127.0.0.1 127.255.255.254 169.254.169.254 169.254.170.2
168.63.129.16 172.16.0.1 172.31.255.255 192.0.0.1 192.0.0.9 192.0.2.1 192.31.196.1 192.52.193.1 192.88.99.1 192.168.1.1
192.175.48.1 198.18.0.1 198.19.255.255 198.51.100.1 203.0.113.1 224.0.0.1 239.1.1.1 240.0.0.1 255.255.255.255
:: ::1 ::ffff:1.1.1.1 ::ffff:127.0.0.1 ::1.1.1.1 64:ff9b::1.1.1.1 64:ff9b:1::a00:1 100::1 2001::1 2001:0:7f00:1::
2001:20::1 2001:db8::1 2002:7f00:1:: 2620:4f:8000::1 3fff::1 5f00::1 fc00::1 fd00:ec2::254 fe80::1 fe80::1%eth0
fec0::1 ff02::1
"""


@pytest.mark.parametrize("address", PUBLIC.split())
def test_is_public__the_open_internet(address: str) -> None:
    """An address outside every special block may be connected to."""
    assert is_public(address)


@pytest.mark.parametrize("address", SPECIAL.split())
def test_is_public__special_purpose(address: str) -> None:
    """Nothing the registries call special is public: neither metadata services, nor addresses inside addresses."""
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
        "\uff11.1.1.1",
    ],
)
def test_is_public__unreadable(text: str) -> None:
    """What is no address in its plain form is not connected to."""
    assert not is_public(text)


@given(st.integers(0, 2**32 - 1))
def test_is_public__never_private_by_pythons_own_judgement(number: int) -> None:
    """No address that Python calls private, loopback, link-local, multicast or reserved passes, embedded or not."""
    address = IPv4Address(number)
    special = address.is_private or address.is_multicast or address.is_reserved or address.is_link_local
    assert not (special and is_public(str(address)))
    for hidden in (
        f"::ffff:{address}",
        f"::{address}",
        f"64:ff9b::{address}",
        str(IPv6Address((0x2002 << 112) | (number << 80))),
    ):
        assert not is_public(hidden)
