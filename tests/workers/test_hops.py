"""Where redirects and hosts with odd names lead, through the reading of `archive.urls`."""

from hypothesis import given
from hypothesis import strategies as st

from archive.errors import LinkRefusedError
from archive.urls import read_url
from tests.hostile_urls import hostile_urls
from tests.origin import origin, whole
from tests.strategies import odd_urls
from workers.egress import Egress, Policy, next_hop

HERE = read_url("https://files.example/a/b.mp4?sig=secret")


@given(odd_urls | st.text(st.sampled_from("/\\.:@?#%2e\t\n ahtps[]0"), max_size=30))
def test_next_hop__of_anything(location: str) -> None:
    """F52: whatever a redirect says, it leads to a URL that reads as itself, or it is refused by name."""
    try:
        read = read_url(next_hop(HERE, location))
    except LinkRefusedError as exc:
        assert exc.reason in {"link_malformed", "scheme_not_allowed", "credentials_in_link"}  # noqa: PT017
        return
    assert read == read_url(str(read))
    assert str(read).isascii()
    assert str(read).isprintable()
    assert " " not in str(read)


def host_of(text: str) -> str | None:
    try:
        return read_url(text).host
    except LinkRefusedError:
        return None


def test_next_hop__hostile_locations_lead_where_they_say() -> None:
    """F52, F53: a hostile URL as a redirect is read as by itself, or as what it says of the place it stands at."""
    odd = []
    for url in hostile_urls():
        try:
            followed = host_of(next_hop(HERE, url))
        except LinkRefusedError:
            continue
        odd += [url] if followed not in {None, HERE.host, host_of(url), host_of(f"https:{url}")} else []
    assert [] == odd


def test_stream__a_host_with_an_emoji() -> None:
    """A name that browsers take, and that the HTTP library's own decoder does not, is connected to like any other."""
    with origin() as server:
        name = f"xn--ls8h.example:{server.port}"
        url = server.url("/v.mp4", whole(b"film")).replace(server.authority, name)
        egress = Egress(resolver=lambda host, _port: ["127.0.0.1"] if host == "xn--ls8h.example" else [])
        with egress.stream("GET", url, Policy(frozenset({name}), insecure_http=True), headers={}) as response:
            assert b"film" == b"".join(response.iter_raw())
        egress.close()
        assert f"\r\nHost: {name}\r\n" in server.heads[0]
