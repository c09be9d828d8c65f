"""The one reading of a foreign URL: what is refused, what is taken, and that nobody downstream reads it otherwise."""

from ipaddress import ip_address
from urllib.parse import urlsplit

import httpx
import pytest
from hypothesis import example, given

from archive.addresses import is_public
from archive.errors import LinkRefusedError, NotUnderstoodError
from archive.grammar import check_url
from archive.model import ExpiryOrigin, Link
from archive.urls import DEFAULT_PORTS, MAX_URL, WebUrl, read_url
from tests.doubles import START
from tests.hostile_urls import DECOY, NAMES, hostile_urls, legitimate_urls
from tests.strategies import odd_urls

REASONS = {"link_malformed", "scheme_not_allowed", "credentials_in_link"}


def refusal(url: str) -> str | None:
    try:
        read_url(url)
    except LinkRefusedError as exc:
        return exc.reason
    return None


def assert_read_alike(url: str, read: WebUrl) -> None:
    """Everybody who gets what was read sees one host and port in it, and a second reading changes nothing."""
    again = str(read)
    assert read == read_url(again)
    assert again.isascii()
    assert again.isprintable()
    assert not set(again) & set(' "<>\\#')
    split, theirs = urlsplit(again), httpx.URL(again)
    assert (read.scheme, read.host) == (split.scheme, split.hostname)
    assert (read.host, split.port) == (theirs.raw_host.decode(), theirs.port)
    assert (split.username, "") == (None, theirs.username)
    assert read.port == (DEFAULT_PORTS[read.scheme] if split.port is None else split.port)
    assert f"{read.scheme}://{read.authority}" == again.removesuffix(read.target)
    assert read.target.startswith("/")
    link = Link(url, START, ExpiryOrigin.DEFAULT)
    assert read.host == link.host
    assert read.target.split("?")[0] == read_url(f"https://h{link.path}").target.split("?")[0]


def test_hostile_urls__are_many_and_always_the_same() -> None:
    """The generator makes at least 5,000 distinct URLs, those of given names among them, the same ones each time."""
    made = hostile_urls()
    assert made == hostile_urls()
    assert len(made) == len(set(made)) >= 5000
    assert any("other.internal" in url for url in hostile_urls(["other.internal"]))


def test_read_url__nothing_hostile_gets_through() -> None:
    """F54, F55, F56, F58: each is refused, or leads where its text says: a special address, a name given, the decoy."""
    through = []
    for url in hostile_urls():
        try:
            read = read_url(url)
        except LinkRefusedError:
            continue
        assert_read_alike(url, read)
        try:
            leads_out = is_public(str(ip_address(read.host)))
        except ValueError:
            leads_out = read.host not in {DECOY, *NAMES}
        through += [url] if leads_out else []
    assert [] == through


def test_legitimate_urls__none_is_refused() -> None:
    """No form in which files are really offered is refused, by the reading or at the ledger's door."""
    made = legitimate_urls()
    assert len(made) == len(set(made)) >= 200
    for url in made:
        assert_read_alike(url, read_url(url))
        assert url == check_url(url)


@given(odd_urls)
@example("https://[::1%25lo]/")
@example("https://h:" + "0" * 5000 + "1/")
@example("https://h:" + "4" * 5000)
@example("https://h/" + '"' * 8000)
@example("https://h?" + "a" * (MAX_URL - 10))
@example("https://" + "a" * 64)
@example("https://xn--" + "9" * 59)
@example("https://xn--\ud800/")
@example("https://[" + "1:" * 4000 + "]/")
def test_read_url__of_anything(url: str) -> None:
    """Whatever the text, it is read alike by everybody or refused by name."""
    try:
        read = read_url(url)
    except LinkRefusedError as exc:
        assert exc.reason in REASONS  # noqa: PT017
    else:
        assert_read_alike(url, read)


@given(odd_urls)
def test_check_url__takes_whatever_can_be_read(url: str) -> None:
    """What the guard could follow is never turned away at the ledger's door; port 0 alone, where nobody can be."""
    if refusal(url) is None and read_url(url).port:
        assert url == check_url(url)


@pytest.mark.parametrize(
    "url", ["https://u:p@h/", "https://a,b/v.mp4", "https://0x7f.1/a", "https://h%41/a", "https://xn--a/a"]
)
def test_check_url__keeps_what_is_odd(url: str) -> None:
    """A link that will not be followed has no host for us, but is kept with its path for a person to look at."""
    link = Link(check_url(url), START, ExpiryOrigin.DEFAULT)
    assert ("", urlsplit(url).path) == (link.host, link.path)
    assert refusal(url) in REASONS


@pytest.mark.parametrize("url", ["https://", "https:///a", "https://[::1", "https://h:x/", "https:h/a", "https:/h/a"])
def test_check_url__no_url_at_all(url: str) -> None:
    """What has no host that anybody could name is no link."""
    with pytest.raises(NotUnderstoodError, match="link_not_a_url"):
        check_url(url)


@pytest.mark.parametrize(
    ("given_target", "sent"),
    [
        ("", "/"),
        ("?", "/?"),
        ("?a=b", "/?a=b"),
        ("#x", "/"),
        ("/a/../b//./c", "/a/../b//./c"),
        ("//a", "//a"),
        ("/%2e%2E/%zz/%", "/%2e%2E/%zz/%"),
        ("/a%2fb%2Fc+d%20e", "/a%2fb%2Fc+d%20e"),
        ("/[a]|b~c;d,e=f&g@h:i!j$k'l(m)n*o", "/[a]|b~c;d,e=f&g@h:i!j$k'l(m)n*o"),
        ('/{a}"b"<c>^`', "/%7Ba%7D%22b%22%3Cc%3E%5E%60"),
        ("?{a}[b]|c^d`e~f;g,h:i@j/k?l%m+n%2B", "?{a}[b]|c^d`e~f;g,h:i@j/k?l%m+n%2B"),
        ("?'a'\"b\"<c>", "?%27a%27%22b%22%3Cc%3E"),
        ("?X-Tos-Signature=aB%2Bc/d==&e", "?X-Tos-Signature=aB%2Bc/d==&e"),
    ],
)
def test_target__goes_out_as_it_was_signed(given_target: str, sent: str) -> None:
    """Path and query are sent as given, dot segments and stray percent signs too, but for what any browser escapes."""
    expected = sent if sent.startswith("/") else f"/{sent}"
    assert expected == read_url(f"https://h{given_target}").target


@pytest.mark.parametrize(
    ("url", "read"),
    [
        ("HTTPS://Files.EXAMPLE./A?B", WebUrl("https", "files.example", 443, "/A?B")),
        ("https://h:", WebUrl("https", "h", 443, "/")),
        ("https://h:000080", WebUrl("https", "h", 80, "/")),
        ("http://h:80", WebUrl("http", "h", 80, "/")),
        ("https://h:65535", WebUrl("https", "h", 65535, "/")),
        ("https://[2001:DB8:0:0::1]:8443/", WebUrl("https", "2001:db8::1", 8443, "/")),
        ("https://[::ffff:1.2.3.4]/", WebUrl("https", "::ffff:102:304", 443, "/")),
        ("https://1.2.3.4:443/", WebUrl("https", "1.2.3.4", 443, "/")),
        ("https://a_b.-c-.example/", WebUrl("https", "a_b.-c-.example", 443, "/")),
        ("https://XN--Mnchen-3ya.de/", WebUrl("https", "xn--mnchen-3ya.de", 443, "/")),
        ("https://h/#@evil.example", WebUrl("https", "h", 443, "/")),
        ("https://h/@evil.example", WebUrl("https", "h", 443, "/@evil.example")),
    ],
)
def test_read_url__one_form(url: str, read: WebUrl) -> None:
    """Many spellings, one reading."""
    assert read == read_url(url)


@pytest.mark.parametrize(
    ("label", "is_valid"),
    [
        ("xn--mnchen-3ya", True),
        ("xn--ls8h", True),  # an emoji
        ("xn--i-7iq", True),  # a letter and an emoji
        ("xn--fa-hia", True),  # sharp s, which older rules map away
        ("xn--fiqs8s", True),
        ("xn--kgbechtv", True),  # right to left
        ("r4---sn-5hne", True),  # hyphens anywhere
        ("xn--", False),
        ("xn--a", False),  # a control character
        ("xn--ascii-", False),  # nothing but ASCII
        ("xn--u-ccb", False),  # decomposed
        ("xn--zn7c", False),  # not allowed by itself
        ("xn--1ug", False),  # a joiner that joins nothing
        ("xn--ad-0vb", False),  # begins with a combining mark
        ("xn--a-yoc", False),  # mixes directions
        ("xn--pokxncvks", False),  # decodes to no character
        ("xn--xn---epa", False),  # stands for what stands for something
        ("xn--mnchen-3ya-", False),
    ],
)
def test_read_url__internationalised_labels(label: str, is_valid: bool) -> None:
    """F55: a label in punycode is taken where browsers take it, and only there."""
    assert (None if is_valid else "link_malformed") == refusal(f"https://{label}.example/")


def test_read_url__directions_in_one_name() -> None:
    """A right-to-left label binds the others: one that begins with a digit no longer has one place on a line."""
    assert refusal("https://cdn.xn--kgbechtv/") is None
    assert "link_malformed" == refusal("https://3d.xn--kgbechtv/")


def test_repr__shows_no_signature() -> None:
    """F80: what is signed stands in no repr."""
    url = read_url("https://h/secret?sig=secret")
    assert "secret" not in repr(url)
