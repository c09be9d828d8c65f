"""URLs, hosts and origins in the settings: what the guard could not read is refused at start, in one line."""

import json
from pathlib import Path

import pytest

from archive.providers import PROVIDERS, Provider
from archive.settings import SettingsError
from archive.urls import read_url
from tests.archive.test_settings import UNSIGNED, loaded, problems
from tests.builders import SECRET
from tests.hostile_urls import hostile_urls

READ_ALIKE = "is not a URL that everybody reads alike: visible ASCII, a plain host name (others as xn--…) or address"
PLACES = (
    "server.public_url",
    "store.endpoint_url",
    "store.public_endpoint_url",
    "sources.kie.api_base",
    "notify.0.url",
)


def with_url(place: str, url: str) -> str:
    """Settings with *url* at *place*, as TOML."""
    line = f"{place.rpartition('.')[2]} = {json.dumps(url)}\n"
    if place.startswith("notify"):
        return f'[[notify]]\nname = "crm"\nsecrets = ["{SECRET}"]\n{line}'
    return f"{UNSIGNED if place.startswith('sources') else '[' + place.partition('.')[0] + ']'}\n{line}"


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("https://canary:canary@h.example/", "must not hold a user name or password"),
        ("https://canary@h.example/", "must not hold a user name or password"),
        ("https://canary example/", READ_ALIKE),
        ("https://canary.example/a b", READ_ALIKE),
        ("https://c\u00e4nary.example/", READ_ALIKE),
        ("https://canary\\.example/", READ_ALIKE),
        ("https://127.1/canary", READ_ALIKE),
        ("https://canary_.example:99999/", "is not a URL: its host or port cannot be read"),
        ("https://canary*.example/", READ_ALIKE),
        ("https://", READ_ALIKE),
        ("https:///canary", READ_ALIKE),
        ("canary.example", "must begin with https:// or http://"),
        ("ftp://canary.example", "must begin with https:// or http://"),
    ],
)
def test_urls__are_read_alike_by_everybody(tmp_path: Path, place: str, url: str, problem: str) -> None:
    """F82: a URL of the settings that a guard could not read is one line at start, which shows nothing of it."""
    assert [f"{place}: {problem}"] == problems(tmp_path, with_url(place, url))


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    "url",
    ["https://h_1.example", "https://xn--mnchen-3ya.de:8443/a/b/", "https://10.0.0.1:9000", "https://[fd00::1]:9/"],
)
def test_urls__of_any_network(tmp_path: Path, place: str, url: str) -> None:
    """Private names, addresses and ports are the operator's business; what is loaded is what was written."""
    settings = loaded(tmp_path, with_url(place, url))
    store, source = settings.store, settings.sources.get("kie")
    found = [settings.server.public_url, store.endpoint_url, store.public_endpoint_url, source and source.api_base]
    assert url in [*found, *(target.url for target in settings.notify)]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    "url", ["https://h.example/?canary", "https://h.example/#canary", "https://h.example?", "https://h.example/a#"]
)
def test_urls__that_paths_are_added_to(tmp_path: Path, place: str, url: str) -> None:
    """What would be added behind a query is lost, so there may be none; a target's URL is used as it stands."""
    text = with_url(place, url)
    if place == "notify.0.url":
        assert url == loaded(tmp_path, text).notify[0].url
    else:
        assert [f"{place}: must have no query and no fragment"] == problems(tmp_path, text)


NO_HOST = "must be a host name or address, or host:port ([…]:port for IPv6), and no pattern or URL"


@pytest.mark.parametrize(
    "entry",
    [
        "", " ", "https://canary.example", "canary.example/", "canary.example/a", "*.canary.example",
        ".canary.example", "canary..example", "canary@h.example", "canary.example:", "canary.example:x",
        "canary.example:70000", ":9100", "canary.example:1:2", "::1", "::1:9100", "[::1", "[canary]", "127.1",
        "0x7f.0.0.1:9100", "c\u00e4nary.example", "canary.example?", "canary.example#", "canary example",
        "xn--canary",
    ],
)  # fmt: skip
def test_hosts__are_names_or_origins(tmp_path: Path, entry: str) -> None:
    """F82: what could never be any link's host is one line at start, which shows nothing of it."""
    for field in ("allowed_hosts", "forward_hosts"):
        found = problems(tmp_path, f'{UNSIGNED}{field} = ["h.example:1", {json.dumps(entry)}]\n')
        assert [f"sources.kie.{field}.1: {NO_HOST}"] == found


def test_hosts__as_links_are_compared_with_them(tmp_path: Path) -> None:
    """Entries are lower case, without a last dot, addresses in their one form; to forward there takes a port."""
    entries = [
        "H.Example",
        "h2.example.",
        "127.0.0.1:9100",
        "[::1]:9100",
        "[2A00:0::1]",
        "1.2.3.4",
        "h3.example:443",
        "XN--MNCHEN-3YA.de",
    ]
    source = loaded(tmp_path, f"{UNSIGNED}allowed_hosts = {json.dumps(entries)}\n").sources["kie"]
    expected = "h.example h2.example 127.0.0.1:9100 ::1:9100 2a00::1 1.2.3.4 h3.example:443 xn--mnchen-3ya.de"
    assert tuple(expected.split()) == source.allowed_hosts
    text = 'forward_hosts = ["Crm.Internal:8080", "[FD00::1]:80"]\n'
    assert ("crm.internal:8080", "fd00::1:80") == loaded(tmp_path, UNSIGNED + text).sources["kie"].forward_hosts
    for bare in ("crm.internal", "[fd00::1]", "10.0.0.1"):
        [line] = problems(tmp_path, f'{UNSIGNED}forward_hosts = ["{bare}"]\n')
        assert "sources.kie.forward_hosts.0: needs its port: host:port" == line


@pytest.mark.parametrize("url", hostile_urls()[::97])
def test_urls__what_is_loaded_can_be_read(tmp_path: Path, url: str) -> None:
    """Whatever a target's URL, it is read by the guard without an error once the settings are loaded."""
    if "\ud800" <= max(url, default="") <= "\udfff":
        return  # no file can hold it
    try:
        settings = loaded(tmp_path, with_url("notify.0.url", url) + "insecure_http = true\n")
    except SettingsError as exc:
        found = exc.problems
    else:
        found = [read_url(settings.notify[0].url).host]
    assert len(found) == 1


@pytest.mark.parametrize("provider", PROVIDERS.values(), ids=PROVIDERS)
def test_hosts__of_the_providers_are_of_that_form(provider: Provider) -> None:
    """What a provider module says of its API and its file hosts could stand in the settings as it is."""
    assert provider.API_BASE == str(read_url(provider.API_BASE)).removesuffix("/")
    assert {read_url(f"https://{host}/").host for host in provider.HOSTS} == set(provider.HOSTS)
