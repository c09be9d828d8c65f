"""What can be told of a public URL without asking anybody."""

import pytest

from archive.doctor.place import Place, judge_form, read


@pytest.mark.parametrize(
    ("url", "place", "authority"),
    [
        ("https://hooks.example.com", Place("https", "hooks.example.com", 443), "hooks.example.com"),
        ("https://Hooks.Example.com/", Place("https", "hooks.example.com", 443), "hooks.example.com"),
        ("https://h.example.com:8443/a/b/", Place("https", "h.example.com", 8443, "/a/b"), "h.example.com:8443"),
        ("http://h.example.com", Place("http", "h.example.com", 80), "h.example.com"),
        ("https://[2606:2800::1]:444", Place("https", "2606:2800::1", 444), "[2606:2800::1]:444"),
        ("https://bücher.example.com", Place("https", "xn--bcher-kva.example.com", 443), "xn--bcher-kva.example.com"),
    ],
)
def test_read__places(url: str, place: Place, authority: str) -> None:
    """Scheme, host, port and path are read as a client would."""
    assert place == read(url)
    assert authority == place.authority
    assert f"{place.scheme}://{authority}{place.prefix}" == place.url
    assert [] == [one for one in judge_form(place) if one.slug != "not_https"]


@pytest.mark.parametrize(
    "url",
    ["", "hooks.example.com", "ftp://h.example.com", "https://", "https://h.example.com?x=1", "https://h.example.com/?",
     "https://h.example.com/#a", "https://u:canary@h.example.com", "https://h.example.com:port",
     "https://h .example.com", "https://h.example.com/a b", "https://h.example.com/ä", "https://[::1",
     "https://h.example.com\r\nX: y", "https://h.example.com/\x00", "https://" + "a" * 64 + "ä.example.com"],
)  # fmt: skip
def test_read__what_no_callback_path_can_be_added_to(url: str) -> None:
    """All else is refused by one finding, which does not repeat it."""
    assert read(url) is None
    [finding] = judge_form(None)
    assert "url_malformed" == finding.slug


@pytest.mark.parametrize(
    "host",
    ["localhost", "web", "reelkeep.local", "a.b.internal", "nas.lan", "x.home.arpa", "127.0.0.1", "10.1.2.3", "[::1]",
     "192.168.1.4", "[fd00::1]", "169.254.169.254", "100.64.0.1", "hooks.localhost."],
)  # fmt: skip
def test_form__nobody_outside_knows_it(host: str) -> None:
    """Names and addresses that lead nowhere outside are told at once, and that it is http besides is not."""
    for scheme in ("http", "https"):
        assert ["not_public"] == [finding.slug for finding in judge_form(read(f"{scheme}://{host}:8080"))]


def test_form__plain_http_is_a_warning() -> None:
    """Some providers accept it, so callbacks are not lost by it; but their tokens can be read."""
    assert [("not_https", "warning")] == [(one.slug, one.level) for one in judge_form(read("http://h.example.com"))]
