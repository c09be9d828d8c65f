"""Settings: read once, every mistake at once, no secret ever shown."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from archive.egress import Proxy
from archive.providers import kie
from archive.settings import ENVIRONMENT, Settings, SettingsError, find_file, load
from archive.tls import authorities
from tests.certificates import Authority

SOURCE = '[sources.kie]\nprovider = "kie"\n'
NO_PROOF = "needs webhook_keys, tokens, an api_key, server.signing_keys to mint callback URLs, or allow_unsigned = true"
UNSIGNED = SOURCE + "allow_unsigned = true\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def loaded(folder: Path, text: str, environ: Mapping[str, str] | None = None) -> Settings:
    path = folder / "reelkeep.toml"
    path.write_text(text)
    return load({**(environ or {}), "REELKEEP_CONFIG": str(path)})


def problems(folder: Path, text: str, environ: Mapping[str, str] | None = None) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        loaded(folder, text, environ)
    assert "\n".join(caught.value.problems) == str(caught.value)
    return sorted(caught.value.problems)


def test_load__nothing_given(folder: Path) -> None:
    """An empty file is good: the defaults are the documented ones."""
    settings = loaded(folder, "")
    assert ("127.0.0.1", 8080, "videos-companion", {}) == (
        settings.server.host, settings.server.port, settings.store.companion, settings.sources,
    )  # fmt: skip


def test_load__all_mistakes_at_once(folder: Path) -> None:
    """Each mistake has its line, with its place in the file; none hides another."""
    text = """
    colour = "red"
    [server]
    port = 99999
    prot = 1
    content_life = "P8D"
    public_url = "hooks.example.com"
    [ledger]
    url = "mysql://u@h/d"
    [queue]
    url = "localhost:6379"
    [store]
    bucket = "v"
    dialect = "azure"
    endpoint_url = "127.0.0.1:9000"
    [workers]
    slots = 0
    lease = 5
    heartbeat = 3
    [sources.Bad]
    provider = "kie"
    [sources.a]
    provider = "acme"
    [sources.b]
    provider = "kie"
    webhook_keys = [""]
    max_concurrency = 0
    [sources.c]
    provider = "kie"
    tokens = ["tttttttttttttttt"]
    retention = { mode = "compliance", days = 1 }
    """
    found = problems(folder, text)
    places = [line.split(":")[0] for line in found]
    assert [
        "colour", "ledger.url", "queue.url", "server.content_life", "server.port", "server.prot", "server.public_url",
        "sources.Bad", "sources.Bad", "sources.a", "sources.b.max_concurrency", "sources.b.webhook_keys.0",
        "sources.c.retention.days", "sources.c.retention.mode", "store.bucket", "store.dialect",
        "store.endpoint_url", "workers.slots",
    ] == places  # fmt: skip
    assert all("\n" not in line for line in found)


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        (
            "",
            f"sources.kie: {NO_PROOF}",
        ),
        (
            "webhook_keys = []\ntokens = []",
            f"sources.kie: {NO_PROOF}",
        ),
        ('tokens = ["tttttttttttttttt"]\nconfirm = "always"', 'sources.kie: confirm = "always" needs an api_key'),
        (
            'tokens = ["tttttttttttttttt"]\napi_base = "api.kie.ai"',
            "sources.kie.api_base: must begin with https:// or http://",
        ),
        (
            'tokens = ["tttttttttttttttt"]\napi_base = "http://api.kie.ai"',
            "sources.kie: api_base is plain http: the API key would travel in clear (insecure_http = true for tests)",
        ),
        ('tokens = ["env:ABSENT"]', "sources.kie.tokens.0: the environment variable ABSENT is not set"),
        ('tokens = ["env:BLANK"]', "sources.kie.tokens.0: the environment variable BLANK is not set"),
        ('tokens = ["env:"]', "sources.kie.tokens.0: the environment variable it names is not set"),
        ('tokens = ["file:absent"]', "sources.kie.tokens.0: the file absent cannot be read, or is empty"),
        ('tokens = ["file:empty"]', "sources.kie.tokens.0: the file empty cannot be read, or is empty"),
        ('tokens = ["file:binary"]', "sources.kie.tokens.0: the file binary cannot be read, or is empty"),
        ('tokens = ["file:."]', "sources.kie.tokens.0: the file . cannot be read, or is empty"),
        ('tokens = [" "]', "sources.kie.tokens.0: is empty"),
        ("tokens = [7]", "sources.kie.tokens.0: must be text, or a reference like env:NAME or file:PATH"),
        ('tokens = ["tttttttttttttttt"]\napi_key = ""', "sources.kie.api_key: is empty"),
    ],
)
def test_load__refusals(folder: Path, lines: str, problem: str) -> None:
    """Each documented refusal says what is wrong and where, in one line."""
    (folder / "empty").write_text(" \n")
    (folder / "binary").write_bytes(b"\xff\xfe")
    assert [problem] == problems(folder, f"{SOURCE}{lines}\n", {"BLANK": " "})


def test_load__lease_outlives_heartbeats(folder: Path) -> None:
    """A lease that one late heartbeat would lose is refused."""
    [line] = problems(folder, "[workers]\nlease = 5\nheartbeat = 3\n")
    assert line.startswith("workers: lease must be at least twice heartbeat")
    assert timedelta(seconds=6) == loaded(folder, "[workers]\nlease = 6\nheartbeat = 3\n").workers.lease


def test_secrets__from_environment_and_files(folder: Path) -> None:
    """`env:` and `file:` are followed, files from the settings' own folder; surrounding blanks are not part of it."""
    (folder / "secrets").mkdir()
    (folder / "secrets" / "key").write_text("from-file\n")
    text = SOURCE + 'webhook_keys = ["env:KEY", "file:secrets/key", "literal", "odd:literal"]\n'
    source = loaded(folder, text, {"KEY": "from-env\n"}).sources["kie"]
    assert ["from-env", "from-file", "literal", "odd:literal"] == [k.get_secret_value() for k in source.webhook_keys]


def test_secrets__are_in_no_message_and_no_repr(folder: Path) -> None:
    """Neither a right setting nor a wrong one ever shows a secret's value."""
    text = """
    [server]
    operator_tokens = ["canary-1"]
    signing_keys = ["canary-9-and-more-than-32-characters"]
    [ledger]
    url = "postgresql+psycopg://u:canary-2@h/d"
    [queue]
    url = "redis://:canary-3@h"
    [sources.kie]
    provider = "kie"
    tokens = ["canary-4-callback"]
    webhook_keys = ["env:KEY"]
    api_key = "canary-6"
    """
    settings = loaded(folder, text, {"KEY": "canary-5"})
    assert "canary" not in f"{settings!r} {settings} {settings.sources} {settings.ledger} {settings.queue}"
    wrong = text.replace('"canary-6"', '["canary-6"]').replace('["canary-4-callback"]', '"canary-4-callback"')
    wrong = wrong.replace('"redis:', '"canary:').replace("postgresql+psycopg", "canary") + "max_concurrency = -1\n"
    found = problems(folder, wrong, {"PORT": "canary-7", "S3_DIALECT": "canary-8", "KEY": "canary-5"})
    assert 7 == len(found)
    assert "canary" not in " ".join(found)


def test_secrets__are_in_no_error_that_escapes() -> None:
    """The same for the validation error itself, should a traceback of it ever be logged."""
    with pytest.raises(ValidationError) as caught:
        Settings.model_validate({"sources": {"kie": {"provider": "kie", "tokens": "canary", "colour": "canary"}}})
    assert "canary" not in f"{caught.value} {caught.value!r}"


def test_environment__overrides_the_file(folder: Path) -> None:
    """Each documented variable wins over the file; an empty one counts as not set."""
    text = '[server]\nport = 1\n[store]\nbucket = "from-file"\n[ledger]\nurl = "sqlite:///file.db"\n'
    environ = {
        "DATABASE_URL": "sqlite:///env.db",
        "REDIS_URL": "redis://env:1/2",
        "S3_BUCKET": "",
        "S3_COMPANION_BUCKET": "env-companion",
        "S3_ENDPOINT_URL": "http://env:9000",
        "S3_PUBLIC_ENDPOINT_URL": "https://public.env",
        "S3_DIALECT": "minio",
        "AWS_REGION": "eu-west-1",
        "PORT": "8181",
        "REELKEEP_PUBLIC_URL": "https://hooks.env",
        "REELKEEP_SPOOL": "/env/spool",
        "REELKEEP_SLOTS": "7",
        "REELKEEP_OPERATOR_TOKEN": "token-from-env",
        "REELKEEP_SIGNING_KEY": "signing-key-from-the-environment",
    }
    assert set(ENVIRONMENT) | {"REELKEEP_OPERATOR_TOKEN", "REELKEEP_SIGNING_KEY"} == set(environ)
    settings = loaded(folder, text, environ)
    store = settings.store
    assert "eu-west-1" == store.region
    assert ("sqlite:///env.db", "redis://env:1/2", "from-file", "env-companion", "http://env:9000") == (
        settings.ledger.url, settings.queue.url.get_secret_value(), store.bucket, store.companion, store.endpoint_url,
    )  # fmt: skip
    assert ("https://public.env", "minio", 8181, "https://hooks.env", Path("/env/spool"), 7) == (
        store.public_endpoint_url, store.dialect, settings.server.port, settings.server.public_url,
        settings.workers.spool, settings.workers.slots,
    )  # fmt: skip
    assert ["token-from-env"] == [token.get_secret_value() for token in settings.server.operator_tokens]
    assert ["signing-key-from-the-environment"] == settings.signing_keys


SIGNING = "k" * 32


@pytest.mark.parametrize(
    ("lines", "environ"),
    [
        (f'signing_keys = ["{SIGNING}"]', {}),
        (f'signing_keys = ["file:key", "{SIGNING}"]', {}),
        ('signing_keys = ["env:KEY"]', {"KEY": SIGNING}),
        ("", {"REELKEEP_SIGNING_KEY": SIGNING}),
    ],
)
def test_signing_keys__let_a_bare_source_start(folder: Path, lines: str, environ: Mapping[str, str]) -> None:
    """A source with no secret of its own is called by minted URLs, which need a key, wherever it comes from."""
    (folder / "key").write_text(f"{'f' * 40}\n")
    settings = loaded(folder, f"[server]\n{lines}\n{SOURCE}", environ)
    assert SIGNING == settings.signing_keys[-1]
    assert 32 <= len(settings.signing_keys[0])


@pytest.mark.parametrize("value", ["signing_keys = []", ""])
def test_signing_keys__missing(folder: Path, value: str) -> None:
    """Without any, the same source cannot be called, and the message says what would help."""
    [line] = problems(folder, f"[server]\n{value}\n{SOURCE}")
    assert "server.signing_keys to mint callback URLs" in line


def test_signing_keys__are_long_enough(folder: Path) -> None:
    """A key that could be guessed from a URL somebody was given is refused, without being shown."""
    [line] = problems(folder, '[server]\nsigning_keys = ["canary"]\n' + UNSIGNED)
    assert "server.signing_keys.0: must have at least 32 characters (openssl rand -hex 32)" == line


@pytest.mark.parametrize(
    "token",
    [
        "canary-of-15-ch",
        "canary/with/slashes",
        "canary with spaces",
        "canary-with-ümlaut",
        "canary\\\\\\\\\\\\\\\\\\\\",
    ],
)
def test_tokens__fit_a_url_and_are_long_enough(folder: Path, token: str) -> None:
    """A token that no route could match, or that could be guessed, is refused, without being shown."""
    [line] = problems(folder, f'[sources.kie]\nprovider = "kie"\ntokens = ["{token}"]\n')
    expected = "must be at least 16 letters, digits or any of . _ ~ - (openssl rand -hex 24)"
    assert f"sources.kie.tokens.0: {expected}" == line


def test_environment__an_operator_token_does_not_replace_those_of_the_file(folder: Path) -> None:
    """A file that names tokens says which count."""
    settings = loaded(folder, '[server]\noperator_tokens = ["f"]\n', {"REELKEEP_OPERATOR_TOKEN": "e"})
    assert ["f"] == [token.get_secret_value() for token in settings.server.operator_tokens]


def test_environment__onto_a_section_that_is_none(folder: Path) -> None:
    """A file whose section is no table is a mistake, not a crash."""
    assert ["server: Input should be a valid dictionary or instance of Server"] == problems(
        folder, "server = 7\n", {"PORT": "1", "REELKEEP_OPERATOR_TOKEN": "t"}
    )


def test_strangers__whom_to_believe_and_how_much_to_hear(folder: Path) -> None:
    """F82: proxies are addresses or networks, a rate is a number of requests in a time; anything else is refused."""
    text = '[server]\ntrusted_proxies = ["10.0.0.0/8", "::1"]\nuntrusted_rate = { requests = 5, seconds = 10 }\n'
    server = loaded(folder, text).server
    assert (("10.0.0.0/8", "::1"), 5, 10) == (
        server.trusted_proxies, server.untrusted_rate.requests, server.untrusted_rate.seconds,
    )  # fmt: skip
    wrong = '[server]\ntrusted_proxies = ["caddy", "10.0.0.1/8", "*"]\nuntrusted_rate = { requests = 0, seconds = 1 }\n'
    found = problems(folder, wrong)
    expected = "must be IP addresses or networks like 10.0.0.0/8, without host bits"
    assert [f"server.trusted_proxies.{number}: {expected}" for number in range(3)] == found[:3]
    assert found[3].startswith("server.untrusted_rate.requests: ")


@pytest.mark.parametrize("text", ["[server", "a = ", "\x00"])
def test_load__no_toml(folder: Path, text: str) -> None:
    """A file that is no TOML is one clear line that names it."""
    [line] = problems(folder, text)
    assert line.startswith(f"{folder}/reelkeep.toml: is not TOML: ")


def test_load__no_utf_8(folder: Path) -> None:
    """The same for a file in another encoding."""
    path = folder / "reelkeep.toml"
    path.write_bytes(b'a = "\xff"')
    with pytest.raises(SettingsError, match="is not TOML"):
        load({"REELKEEP_CONFIG": str(path)})


@pytest.mark.parametrize("name", ["absent.toml", "."])
def test_load__a_named_file_that_cannot_be_read(folder: Path, name: str) -> None:
    """A file that was named must be there; the line says why it cannot be read."""
    with pytest.raises(SettingsError, match=r"cannot be read \(\w+"):
        load({"REELKEEP_CONFIG": str(folder / name)})


def test_find_file__is_what_the_environment_names(folder: Path) -> None:
    """`REELKEEP_CONFIG` decides, whether the file is there or not."""
    assert Path("x.toml") == find_file({"REELKEEP_CONFIG": "x.toml"})


def test_source__derived_values(folder: Path) -> None:
    """Base and hosts come from the provider, then from the source; caps are by source."""
    source = loaded(folder, UNSIGNED).sources["kie"]
    assert (kie.API_BASE, kie.HOSTS) == (source.base, source.hosts)
    text = UNSIGNED + 'api_base = "https://proxy.example/"\nallowed_hosts = ["h.example"]\nmax_concurrency = 3\n'
    settings = loaded(folder, text)
    assert ("https://proxy.example", kie.HOSTS | {"h.example"}, {"kie": 3}) == (
        settings.sources["kie"].base, settings.sources["kie"].hosts, settings.caps,
    )  # fmt: skip


def test_settings__do_not_change_after_start(folder: Path) -> None:
    """What was read at start holds until the end."""
    with pytest.raises(ValueError, match="frozen"):
        loaded(folder, "").server.port = 1


@pytest.mark.parametrize(
    ("text", "host", "port", "credentials"),
    [
        ("http://proxy.example:3128", "proxy.example", 3128, None),
        ("http://10.0.0.1:8080/", "10.0.0.1", 8080, None),
        ("http://[fd00::1]:3128", "fd00::1", 3128, None),
        ("http://house:p%40ss%3A@proxy.example:3128", "proxy.example", 3128, ("house", "p@ss:")),
    ],
)
def test_egress__a_proxy_is_read(
    folder: Path, text: str, host: str, port: int, credentials: tuple[str, str] | None
) -> None:
    """A proxy's URL may hold credentials, which no text of the settings shows; it may stand in the environment."""
    for written, environ in ((text, {}), ("env:PROXY", {"PROXY": text})):
        settings = loaded(folder, f'[egress]\nproxy = "{written}"\nproxy_resolves = true', environ)
        assert Proxy(host, port, credentials, True) == settings.egress.way
        assert "p@ss" not in repr(settings) + repr(settings.egress.way)
        assert "p%40ss" not in repr(settings)
    assert loaded(folder, '[egress]\nproxy = ""\nca_file = ""').egress.way is None


@pytest.mark.parametrize(
    "text",
    ["https://p.example:1", "proxy.example:3128", "http://p.example", "http://p.example:0", "http://p.example:65536",
     "http://canary@p.example:1", "http://p.example:1/path", "socks5://p.example:1", "http://a:canary@b@p.example:1"],
)  # fmt: skip
def test_egress__a_proxy_that_is_none(folder: Path, text: str) -> None:
    """What cannot be used as a proxy is a mistake at start, and the line about it shows no secret."""
    [line] = problems(folder, f'[egress]\nproxy = "{text}"')
    assert line.startswith("egress.proxy: must be http://host:port or ")
    assert "canary" not in line


def test_ca_file__is_looked_into_at_start(folder: Path) -> None:
    """Authorities of your own stand beside the settings file; a file that is missing or holds none is a mistake."""
    (folder / "ca.pem").write_bytes(Authority().pem)
    (folder / "empty.pem").write_text("no certificate")
    text = '[egress]\nca_file = "{}"\n[store]\nca_file = "{}"'
    settings = loaded(folder, text.format("ca.pem", folder / "ca.pem"))
    assert (folder / "ca.pem", folder / "ca.pem") == (settings.egress.ca_file, settings.store.ca_file)
    trusted = len(authorities(settings.egress.ca_file).get_ca_certs())
    assert len(authorities().get_ca_certs()) + 1 == trusted
    assert [
        "egress.ca_file: the file missing.pem cannot be read",
        "store.ca_file: the file empty.pem holds no certificates in PEM form",
    ] == problems(folder, text.format("missing.pem", "empty.pem"))
