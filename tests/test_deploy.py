"""What `deploy/` says agrees with the code, and does what it says wherever this machine has the program to try it."""

import ast
import hashlib
import http.client
import importlib.metadata
import json
import re
import shlex
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import Any

import boto3
import botocore.credentials
import pytest
import yaml  # type: ignore[import-untyped]
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from moto import mock_aws
from moto.core import set_initial_no_auth_action_count

from archive.doctor import tls
from archive.doctor.examine import Examination, Ways
from archive.doctor.findings import Step
from archive.errors import StoreUnavailableError
from archive.identity import manifest_key, metadata_key, object_prefix
from archive.s3 import S3Store
from archive.settings import ENVIRONMENT, Server, Settings, Store, Workers, load
from archive.store import link_to
from archive.up import WEB_PATIENCE
from receiver.app import LAST_COMMITS, LAST_ERRANDS
from receiver.serving import GRACE as WEB_GRACE
from tests.middleman import receiver
from workers.__main__ import LAST_WORDS
from workers.clock import GRACE as CLOCK_GRACE
from workers.poster import poster_key

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
PROCFILE = dict(line.split(": ", 1) for line in (ROOT / "Procfile").read_text().splitlines())
STOPS = {  # the longest each process takes to stop
    "web": timedelta(seconds=WEB_GRACE + LAST_ERRANDS + LAST_COMMITS),
    "worker": Workers().grace + timedelta(seconds=LAST_WORDS),
    "clock": timedelta(seconds=CLOCK_GRACE),
}
BOTO3 = {botocore.credentials.EnvProvider.ACCESS_KEY, botocore.credentials.EnvProvider.SECRET_KEY}
LOADER = {"REELKEEP_CONFIG", "REELKEEP_OPERATOR_TOKEN", "REELKEEP_SIGNING_KEY"}  # read by archive.settings.load itself


def _program(name: str, promise: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"NOT TESTED: {promise} ({name} is not installed)")
    return found


def _referenced(settings: Path) -> set[str]:
    """The variables that a settings file names as `env:NAME`."""
    return set(re.findall(r'"env:(\w+)"', settings.read_text()))


# --- compose ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    return document


@pytest.fixture(scope="module")
def ours(compose: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The services that are processes of the Procfile."""
    return {name: compose["services"][name] for name in PROCFILE}


ENV_EXAMPLE = dict(re.findall(r"^(\w+)=(.*)$", (DEPLOY / "env.example").read_text(), re.MULTILINE))
_VARIABLE = re.compile(r"\$\{(\w+)(?::([?-])([^}]*))?\}")


def _fill(value: str, env: dict[str, str]) -> str:
    """Compose's interpolation, as far as the file uses it."""

    def one(match: re.Match[str]) -> str:
        name, kind, text = match.groups()
        assert kind != "?" or env.get(name), f"{name} {text}"
        return env.get(name) or (text if kind == "-" else "")

    return _VARIABLE.sub(one, value)


def test_compose__runs_what_the_procfile_names(ours: dict[str, dict[str, Any]]) -> None:
    """Same processes, same commands."""
    assert {name: service["command"] for name, service in ours.items()} == PROCFILE


def test_compose__variables_are_known(ours: dict[str, dict[str, Any]]) -> None:
    """Each variable means something to the settings, to boto3 or to the settings file, which gets all it names."""
    named = _referenced(DEPLOY / "reelkeep.toml")
    for name, service in ours.items():
        given = set(service["environment"])
        assert given <= set(ENVIRONMENT) | LOADER | BOTO3 | named, name
        assert named <= given, name
    assert "AWS_ACCESS_KEY_ID" not in ours["clock"]["environment"]
    assert ours["web"]["environment"]["AWS_ACCESS_KEY_ID"] != ours["worker"]["environment"]["AWS_ACCESS_KEY_ID"]


def test_compose__env_example_has_every_variable_and_no_other() -> None:
    """What compose asks for stands in env.example, and the other way round; nothing there is a secret."""
    assert {name for name, _, _ in _VARIABLE.findall((DEPLOY / "compose.yaml").read_text())} == set(ENV_EXAMPLE)
    secret = {name for name in ENV_EXAMPLE if re.search("PASSWORD|TOKEN|KEY", name)}
    assert len(secret) == 9
    assert {ENV_EXAMPLE[name] for name in secret} == {""}


def test_compose__no_secret_inline(compose: dict[str, Any]) -> None:
    """Whatever is called a password, token or key comes from outside, and so does the password in the ledger's URL."""
    for service in compose["services"].values():
        for name, value in service.get("environment", {}).items():
            if re.search("PASSWORD|TOKEN|KEY|DATABASE_URL", name):
                assert _VARIABLE.search(value), name
                assert not re.search(r"://[^@]*:[^$@]+@", _VARIABLE.sub("$", value)), name


def test_compose__settings_can_be_used(ours: dict[str, dict[str, Any]]) -> None:
    """With env.example filled in, every process starts from its environment and the mounted file."""
    filled = {name: value or ("" if "ENDPOINT" in name else "filled") for name, value in ENV_EXAMPLE.items()}
    filled["REELKEEP_SIGNING_KEY"] *= 6
    for service in ours.values():
        environ = {name: _fill(value, filled) for name, value in service["environment"].items()}
        assert f"./reelkeep.toml:{environ['REELKEEP_CONFIG']}:ro" in service["volumes"]
        settings = load({**environ, "REELKEEP_CONFIG": str(DEPLOY / "reelkeep.toml")})
        assert settings.ledger.url == "postgresql+psycopg://reelkeep:filled@postgres:5432/reelkeep"
        assert ("0.0.0.0", 8080) == (settings.server.host, settings.server.port)  # noqa: S104
        assert settings.sources["kie"].api_key is not None
        assert ["filled" * 6] == settings.signing_keys
        assert settings.store.endpoint_url == ""


def test_compose__stops_later_than_the_graces(ours: dict[str, dict[str, Any]]) -> None:
    """Docker must not kill what still hands its work back, or answers."""
    for service in ours.values():
        assert timedelta(seconds=int(service["stop_grace_period"].removesuffix("s"))) > max(STOPS.values())


def test_up__stops_later_than_web() -> None:
    """`reelkeep up` kills no web process that still answers, however short the workers' grace."""
    assert timedelta(seconds=WEB_PATIENCE) > STOPS["web"]


def test_compose__only_web_is_published_and_only_here(compose: dict[str, Any]) -> None:
    """A TLS proxy on this machine reaches web; queue and ledger stand in a network without a way out."""
    published = {name: s["ports"] for name, s in compose["services"].items() if "ports" in s}
    assert published == {"web": ["127.0.0.1:8080:8080"]}
    assert compose["networks"]["inside"] == {"internal": True}
    assert [["inside"]] * 3 == [compose["services"][name]["networks"] for name in ("redis", "postgres", "clock")]


def test_compose__confines_our_processes(ours: dict[str, dict[str, Any]]) -> None:
    """Nothing to write to but volumes, no rights to gain; the spool is a volume."""
    for service in ours.values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service["restart"] == "unless-stopped"
        assert service["depends_on"]["postgres"] == {"condition": "service_healthy"}
    assert "spool:/spool" in ours["worker"]["volumes"]
    assert "REELKEEP_SPOOL=/spool" in (DEPLOY / "Dockerfile").read_text()


def test_compose__servers_are_pinned_and_healthy(compose: dict[str, Any]) -> None:
    """A server's image has a version, and a check that somebody waits for or reads."""
    for name in ("redis", "postgres"):
        service = compose["services"][name]
        assert re.fullmatch(r"[\w/]+:\d[\w.]*-\w+", service["image"]), name
        assert service["healthcheck"]["test"][0] == "CMD"
    assert "healthcheck" in compose["services"]["web"]
    assert '--save "" --appendonly no' in compose["services"]["redis"]["command"]


# --- image ------------------------------------------------------------------------------------------------------------


def _instructions() -> list[tuple[str, str]]:
    text = (DEPLOY / "Dockerfile").read_text()
    lines = "\n".join(line for line in text.splitlines() if not line.startswith("#")).replace("\\\n", " ")
    return [(line.split(maxsplit=1)[0], " ".join(line.split()[1:])) for line in lines.splitlines() if line.strip()]


def _stages() -> list[list[tuple[str, str]]]:
    stages: list[list[tuple[str, str]]] = []
    for word, rest in _instructions():
        if word == "FROM":
            stages.append([])
        stages[-1].append((word, rest))
    return stages


def test_image__is_pinned_runs_as_nobody_special_and_starts_web() -> None:
    """Two stages on one pinned base; the last has no root, no installer and the Procfile's web."""
    build, last = _stages()
    assert "python:3.11-slim-bookworm" == last[0][1] == build[0][1].removesuffix(" AS build")
    assert [rest for word, rest in last if word == "USER"] == ["10001:10001"]
    assert last[-1] == ("CMD", json.dumps(shlex.split(PROCFILE["web"])))
    assert not any(word == "RUN" and re.search(r"pip install|apt", rest) for word, rest in last)
    assert any("uninstall" in rest and rest.split("&&")[0].split()[-1] == "pip" for word, rest in last if word == "RUN")


def test_image__installs_by_hash_or_not_at_all() -> None:
    """Each `pip install` demands hashes, or takes the wheel made here and nothing else."""
    runs = " && ".join(rest for word, rest in _instructions() if word == "RUN")
    installs = [
        command for command in runs.split("&&") if re.search(r"pip .*install ", command) and "uninst" not in command
    ]
    assert len(installs) == 3
    for command in installs:
        assert "--require-hashes -r " in command or "--no-index --no-deps dist/*.whl" in command
    assert "--require-hashes -r requirements.lock" in installs[0]


def test_image__what_is_copied_is_there_and_sent() -> None:
    """Every COPY source exists and passes .dockerignore; all packages of the wheel are copied."""
    sources = [
        part for word, rest in _instructions() if word == "COPY" and "--from" not in rest for part in rest.split()[:-1]
    ]
    ignore = (ROOT / ".dockerignore").read_text().split()
    assert "*" in ignore
    assert not [name for name in sources if not (ROOT / name).exists() or f"!{name}" not in ignore]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert set(sources) >= {*wheel, project["project"]["readme"], *project["project"]["license-files"]}


def test_image__names_what_hatchling_needs_and_drops_what_only_up_needs() -> None:
    """The hand-written lists of the Dockerfile are those of the installed packages."""
    text = (DEPLOY / "Dockerfile").read_text()
    [listed] = re.findall(r"\^\((hatchling[^)]*)\)==", text)
    assert set(listed.split("|")) == _closure("hatchling")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    embedded = {re.split(r"[>=<]", name)[0] for name in project["optional-dependencies"]["embedded"]}
    [dropped] = re.findall(r"uninstall -y (rclone.*)", text)
    kept = set().union(*(_closure(re.split(r"[\[>=<]", name)[0]) for name in project["dependencies"]))
    assert set(dropped.split()) == set().union(*map(_closure, embedded)) - kept


def _closure(name: str) -> set[str]:
    """A distribution and all that it needs here, by normalised name."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        one = re.sub(r"[-_.]+", "-", waiting.pop()).lower()
        if one not in found:
            found.add(one)
            needs = importlib.metadata.requires(one) or []
            waiting += [m.group() for n in needs if _applies(n) and (m := re.match(r"[\w.-]+", n))]
    return found


def _applies(requirement: str) -> bool:
    from packaging.requirements import Requirement

    marker = Requirement(requirement).marker
    return marker is None or marker.evaluate({"extra": ""})


# --- systemd ----------------------------------------------------------------------------------------------------------

UNITS = {"web": "reelkeep-web.service", "worker": "reelkeep-worker@.service", "clock": "reelkeep-clock.service"}


def _unit(process: str) -> dict[str, list[str]]:
    """A unit's settings; each may stand there several times."""
    found: dict[str, list[str]] = {}
    for line in (DEPLOY / "systemd" / UNITS[process]).read_text().splitlines():
        if line and line[0] not in "#[":
            name, _, value = line.partition("=")
            found.setdefault(name, []).append(value)
    return found


@pytest.mark.parametrize("process", UNITS)
def test_unit__starts_what_the_procfile_names_and_gives_it_time_to_stop(process: str) -> None:
    """Same command; its grace fits; wrong settings are not tried again, everything else is."""
    unit = _unit(process)
    assert unit["ExecStart"] == ["/opt/reelkeep/bin/" + PROCFILE[process]]
    assert timedelta(seconds=int(unit["TimeoutStopSec"][0])) > STOPS[process]
    assert ("always", "78", "mixed") == tuple(unit[n][0] for n in ("Restart", "RestartPreventExitStatus", "KillMode"))


def test_unit__all_are_confined_alike() -> None:
    """The block of confinement is the same in each, and holds what matters."""
    texts = [(DEPLOY / "systemd" / name).read_text() for name in UNITS.values()]
    blocks = {text[text.index("\nNoNewPrivileges=") : text.index("\n[Install]")] for text in texts}
    assert 1 == len(blocks)
    for line in ("ProtectSystem=strict", "PrivateTmp=yes", "CapabilityBoundingSet=", "MemoryDenyWriteExecute=yes"):
        assert f"\n{line}\n" in texts[0]
    assert all({"User", "MemoryMax", "StateDirectory"} <= set(_unit(process)) for process in UNITS)


@pytest.mark.parametrize("process", UNITS)
def test_unit__settings_can_be_used(process: str, tmp_path: Path) -> None:
    """Laid out as systemd lays credentials out, the example's `file:` secrets are found, relative to the settings."""
    unit = _unit(process)
    credentials = dict(value.split(":", 1) for value in unit["LoadCredential"])
    assert credentials["reelkeep.toml"] == "/etc/reelkeep/reelkeep.toml"
    assert credentials["secret"] == "/etc/reelkeep/secrets"
    environ = dict(pair.split("=", 1) for line in unit["Environment"] for pair in line.split())
    assert ("worker" == process) == ("REELKEEP_SPOOL" in environ)
    assert ("clock" != process) == ("aws" in credentials) == ("AWS_SHARED_CREDENTIALS_FILE" in environ)
    assert set(environ) <= set(ENVIRONMENT) | LOADER | {"AWS_SHARED_CREDENTIALS_FILE"} | set(_PYTHON)
    shutil.copy(DEPLOY / "systemd" / "reelkeep.toml", tmp_path)
    for name in ("operator.token", "kie.webhook_key", "kie.api_key", "signing.key"):
        (tmp_path / f"secret_{name}").write_text(f"{name}-value\n" if name != "signing.key" else "k" * 64)
    settings = load({name: value.replace("%d", str(tmp_path)) for name, value in environ.items()})
    assert settings.sources["kie"].webhook_keys[0].get_secret_value() == "kie.webhook_key-value"
    assert settings.ledger.url == "sqlite:////var/lib/reelkeep/ledger.db"


_PYTHON = ("PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE", "PYTHONSAFEPATH")


def test_units__are_accepted_by_systemd(tmp_path: Path) -> None:
    """`systemd-analyze verify` has nothing to say, and says something when a setting is misspelt."""
    analyze = _program("systemd-analyze", "systemd accepts the units")
    for path in (DEPLOY / "systemd").glob("reelkeep*.[st]*[et]"):
        text = path.read_text().replace("/opt/reelkeep/bin/python", sys.executable)
        (tmp_path / path.name.replace("@.", "@1.")).write_text(text)

    def verify() -> tuple[int, str]:
        command = (analyze, "verify", "--man=no", "--recursive-errors=one", *map(str, sorted(tmp_path.iterdir())))
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    assert 4 == len(list(tmp_path.iterdir()))
    assert (0, "") == verify()
    web = tmp_path / "reelkeep-web.service"
    web.write_text(web.read_text().replace("ProtectSystem=", "ProtectSystm="))
    assert "ProtectSystm" in verify()[1]


# --- proxies ----------------------------------------------------------------------------------------------------------

NAME, TOKEN = "hooks.example.com", "t0ken-in-the-path"
LIMIT = int(Server().max_body)


class _Web:
    """Stands in for the web process and remembers what reached it."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, dict[str, str], bytes]] = []
        web = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self._body()
                if len(body) < int(self.headers.get("Content-Length", 0)):
                    return  # the proxy cut it off: nothing was heard
                web.heard.append((self.path, dict(self.headers), body))
                self.send_response(200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"ok")

            do_GET = do_POST  # noqa: N815 (http.server's name)

            def _body(self) -> bytes:
                if self.headers.get("Transfer-Encoding") != "chunked":
                    return self.rfile.read(int(self.headers.get("Content-Length", 0)))
                body = b""
                while size := int(self.rfile.readline(), 16):
                    body += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
                return body

            def setup(self) -> None:
                super().setup()
                web._open.append(self.connection)

            def log_message(self, *_: Any) -> None: ...

        class Server(ThreadingHTTPServer):
            def handle_error(self, *_: Any) -> None: ...  # a proxy may drop a connection

        self._open: list[socket.socket] = []
        self._server = Server(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def stop(self) -> None:
        """Be gone, for connections that a proxy kept open, too."""
        self._server.shutdown()
        for connection in self._open:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._server.server_close()
        self._thread.join()


@dataclass
class _Proxy:
    """A running proxy with one of our files, between a client and what stands at the port `web`."""

    web: int
    folder: Path
    ports: dict[str, int] = field(default_factory=dict)

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: dict[str, str] | None = None,
        *,
        client: str = "127.0.0.2",  # an address outside the allow-list
        scheme: str = "https",
        chunked: bool = False,
    ) -> int:
        """One request, its path untouched; the status of the answer."""
        sock = socket.create_connection(("127.0.0.1", self.ports[scheme]), 5, source_address=(client, 0))
        if scheme == "https":
            trust = ssl.create_default_context(cafile=str(self.folder / "fullchain.pem"))
            sock = trust.wrap_socket(sock, server_hostname=NAME)
        connection = http.client.HTTPConnection(NAME)
        connection.sock = sock
        try:
            connection.request(method, path, body, headers or {}, encode_chunked=chunked)
            answer = connection.getresponse()
            answer.read()
            return answer.status
        finally:
            connection.close()

    def logs(self) -> str:
        return "".join(path.read_text() for path in sorted(self.folder.glob("*.log")))


def _certificate(folder: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "fullchain.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "privkey.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


def _swap(text: str, changes: dict[str, str]) -> str:
    """Put this test's addresses and files in place of the example's; each must be there."""
    for old, new in changes.items():
        assert old in text, old
        text = text.replace(old, new)
    return text


def _nginx(proxy: _Proxy) -> tuple[tuple[str, ...], tuple[str, ...]]:
    nginx = _program("nginx", "nginx.conf is accepted and does what it says")
    folder, ports = proxy.folder, proxy.ports
    site = _swap(
        (DEPLOY / "nginx.conf").read_text(),
        {
            "server 127.0.0.1:8080;": f"server 127.0.0.1:{proxy.web};",
            "listen 80;": f"listen 127.0.0.1:{ports['http']};",
            "listen 443 ssl;": f"listen 127.0.0.1:{ports['https']} ssl;",
            "listen [::]:80;": "",
            "listen [::]:443 ssl;": "",
            "/etc/ssl/reelkeep/": f"{folder}/",
        },
    )
    places = "".join(
        f"{kind}_temp_path {folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    main = f"daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log info;\nevents {{}}\n"
    (folder / "main").write_text(f"{main}http {{ access_log {folder}/access.log;\n{places}{site}}}\n")
    start = (nginx, "-c", f"{folder}/main", "-p", str(folder), "-e", f"{folder}/start.log")
    return start, (*start, "-t")


def _caddy(proxy: _Proxy) -> tuple[tuple[str, ...], tuple[str, ...]]:
    caddy = _program("caddy", "Caddyfile is accepted and does what it says")
    folder, ports = proxy.folder, proxy.ports
    text = _swap(
        (DEPLOY / "Caddyfile").read_text(),
        {
            "127.0.0.1:8080": f"127.0.0.1:{proxy.web}",
            "\n{\n": "\n{\n\tadmin off\n\tauto_https disable_redirects\n",
            f"http://{NAME} {{": f"http://{NAME}:{ports['http']} {{\n\tbind 127.0.0.1",
            f"https://{NAME} {{": f"https://{NAME}:{ports['https']} {{\n\tbind 127.0.0.1"
            f"\n\ttls {folder}/fullchain.pem {folder}/privkey.pem",
        },
    )
    (folder / "Caddyfile").write_text(text)
    config = ("--config", f"{folder}/Caddyfile", "--adapter", "caddyfile")
    return (caddy, "run", *config), (caddy, "validate", *config)


_Build = Callable[[_Proxy], tuple[tuple[str, ...], tuple[str, ...]]]
_PROXIES = pytest.mark.parametrize("build", [_nginx, _caddy], ids=["nginx", "caddy"])


@contextmanager
def _running(build: _Build, folder: Path, web: int) -> Iterator[_Proxy]:
    found = _Proxy(web, folder)
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as two:
        found.ports.update(http=one.getsockname()[1], https=two.getsockname()[1])
    _certificate(folder)
    start, check = build(found)
    env = {"HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    done = subprocess.run(check, capture_output=True, text=True, check=False, env=env)
    assert done.returncode == 0, done.stderr
    with (folder / "stderr.log").open("wb") as log:
        process = subprocess.Popen(start, stdout=log, stderr=log, env=env)
    try:
        _wait_for_port(found.ports["https"])
        yield found
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture
def web() -> Iterator[_Web]:
    stand_in = _Web()
    yield stand_in
    stand_in.stop()


def _wait_for_port(port: int) -> None:
    end = time.monotonic() + 10
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            assert time.monotonic() < end
            time.sleep(0.02)
        else:
            return


@_PROXIES
def test_proxy__does_what_it_says(build: _Build, web: _Web, tmp_path: Path) -> None:
    """Callbacks pass whole, up to the limit; all else needs to come from inside; no log ever shows a token."""
    with _running(build, tmp_path, web.port) as proxy:
        _try(proxy, web)


def _try(proxy: _Proxy, web: _Web) -> None:
    path = f"/webhooks/kie/{TOKEN}"
    signed = {"X-Webhook-Timestamp": "1", "X-Webhook-Signature": "c2ln", "Content-Type": "application/json"}
    whole = bytes(range(256)) * (LIMIT // 256)
    assert 200 == proxy.ask("POST", path, whole, signed)
    seen_path, seen_headers, seen_body = web.heard.pop()
    assert (path, whole) == (seen_path, seen_body)
    assert signed.items() <= seen_headers.items()
    assert NAME == seen_headers["Host"]
    assert 200 == proxy.ask("POST", path, iter([b'{"a":', b"1}"]), signed, chunked=True)
    assert b'{"a":1}' == web.heard.pop()[2]

    assert proxy.ask("POST", path, whole + b"!", signed) in {413, 502}  # 502: Caddy 2.6
    inside = ("/proxy/kie/api/v1/veo/generate", "/api/generate/kie")
    for closed in (
        "/", "/api/assets", "/readyz", "/webhooks/../api/assets", "/webhooks/%2e%2e/api/assets", *inside,
        "/webhooks/../proxy/kie/api/v1/veo/generate",
    ):  # fmt: skip
        assert 403 == proxy.ask("GET", closed), closed
    assert 404 == proxy.ask("POST", path, b"{}", signed, scheme="http")
    assert [] == web.heard
    assert 200 == proxy.ask("GET", "/api/assets", client="127.0.0.1")
    for open_inside in inside:  # with pictures in the request
        assert 200 == proxy.ask("POST", open_inside, whole * 2, client="127.0.0.1")
        assert (open_inside, whole * 2) == (web.heard[-1][0], web.heard[-1][2])

    web.stop()
    assert 502 == proxy.ask("POST", path, b"{}", signed)
    assert TOKEN not in proxy.logs()
    proxy.ask("GET", "/api/assets", client="127.0.0.1")
    assert re.search("connect|refused", proxy.logs())  # errors are logged where no token can stand


@_PROXIES
def test_proxy__is_healthy_by_the_doctor(build: _Build, tmp_path: Path) -> None:
    """`reelkeep doctor --callback` finds nothing wrong with either file, and is itself not in their logs."""
    with receiver(tmp_path, SIGNED) as (port, _), _running(build, tmp_path, port) as proxy:
        steps = _examined(proxy)
        assert all(step.tried for step in steps)
        assert [] == [finding.slug for step in steps for finding in step.findings]
        assert "rkpb_" not in proxy.logs()


NGINX_FAULTS = {
    "a smaller limit": ("client_max_body_size 1m;", "client_max_body_size 10k;", ["body_limit"]),
    "HTTP/1.0": ("proxy_http_version 1.1;", "proxy_http_version 1.0;", ["http_1_0"]),
    "its own Host": ("proxy_set_header Host $host;", "", ["host_changed"]),
    "a header taken out": (
        "proxy_request_buffering off;",
        'proxy_set_header Connection ""; proxy_set_header Host $host; proxy_set_header X-Webhook-Signature "";',
        ["header_dropped"],
    ),
    "a path of its own": (
        "proxy_request_buffering off;\n        proxy_pass http://reelkeep;",
        "proxy_request_buffering off;\n        proxy_pass http://reelkeep/;",
        ["path_changed"],
    ),
    "another location": ("location /webhooks/ {", "location /hooks/ {", ["front_refuses"]),
    "a redirect": ("proxy_request_buffering off;", "return 301 https://www.example.com$request_uri;", ["redirected"]),
    "error pages": (
        "proxy_request_buffering off;",
        "proxy_intercept_errors on; error_page 401 /401.html;",
        ["refusal_changed"],  # by the 403 of the page that is not for outsiders
    ),
}


@pytest.mark.parametrize(("before", "after", "slugs"), NGINX_FAULTS.values(), ids=NGINX_FAULTS)
def test_nginx__what_is_wrong_with_it_is_found(before: str, after: str, slugs: list[str], tmp_path: Path) -> None:
    """What people leave out of such a file, or write into it, is what the doctor names, and nothing else."""

    def build(proxy: _Proxy) -> tuple[tuple[str, ...], tuple[str, ...]]:
        commands = _nginx(proxy)
        main = proxy.folder / "main"
        main.write_text(_swap(main.read_text(), {before: after}))
        return commands

    with receiver(tmp_path, SIGNED) as (port, _), _running(build, tmp_path, port) as proxy:
        assert slugs == [finding.slug for step in _examined(proxy) for finding in step.findings]


def test_nginx__without_web(tmp_path: Path) -> None:
    """A proxy that has nobody behind it is told from one that passes nothing on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with _running(_nginx, tmp_path, port) as proxy:
        assert ["receiver_away"] == [finding.slug for step in _examined(proxy) for finding in step.findings]


SIGNED: dict[str, object] = {"server": {"signing_keys": ["signing-key-of-a-doctor-at-the-proxy"]}}


def _examined(proxy: _Proxy) -> list[Step]:
    def connect(_address: str, _port: int) -> socket.socket:
        return socket.create_connection(("127.0.0.1", proxy.ports["https"]), 5, source_address=("127.0.0.2", 0))

    trust = tls.authorities(proxy.folder / "fullchain.pem")
    ways = Ways(trust=trust, resolve=lambda *_: ["1.1.1.1"], connect=connect, clock=lambda: 0.0)
    return list(Examination(f"https://{NAME}", "signing-key-of-a-doctor-at-the-proxy", ways).steps())


# --- rights in S3 -----------------------------------------------------------------------------------------------------

ORIGINAL = object_prefix("kie", "task", "video", "0" * 32) + ".mp4"
OBJECTS = [("videos", ORIGINAL), ("videos", manifest_key(ORIGINAL)), ("videos-companion", poster_key(ORIGINAL))]
OF_A_WORKER = [*OBJECTS, ("videos-companion", metadata_key("kie", "task", b"{}"))]  # nobody shows it from there
ROLES = {"worker": ROOT / "workers", "web": ROOT / "receiver"}
# https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html (a HEAD needs GetObject; without
# ListBucket a missing object is 403, not 404; HeadBucket is ListBucket)
RIGHTS = {"PutObject": "s3:PutObject", "GetObject": "s3:GetObject", "HeadObject": "s3:GetObject"}

Right = tuple[str, str]  # action, ARN


def _policy(role: str) -> list[tuple[list[str], list[str]]]:
    document = json.loads((DEPLOY / "iam" / f"{role}.json").read_text())
    assert "2012-10-17" == document["Version"]
    for statement in document["Statement"]:
        assert {"Sid", "Effect", "Action", "Resource"} == set(statement)
        assert "Allow" == statement["Effect"]
    return [(_list(s["Action"]), _list(s["Resource"])) for s in document["Statement"]]


def _list(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def _verbs(role: str) -> set[str]:
    """What a package asks of the store: `S3Store`'s public methods, on something called store or made as one."""
    public = {name for name in vars(S3Store) if not name.startswith("_")}
    found: set[str] = set()
    for path in ROLES[role].rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and re.search(r"(^|[._])store$|_get\(\)$", ast.unparse(node.value)):
                found.add(node.attr)
            if isinstance(node, ast.Name) and node.id == link_to.__name__:
                found.add("link")  # the core's own use of it
    return found & public


@pytest.fixture
def buckets(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Two versioned buckets in moto, made by somebody who may do everything."""
    for name in BOTO3:
        monkeypatch.setenv(name, "root")
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        for bucket in ("videos", "videos-companion"):
            client.create_bucket(Bucket=bucket)
            client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        yield client


def _put(store: S3Store, bucket: str, key: str) -> str | None:
    body = b"film"
    sha256 = hashlib.sha256(body).hexdigest()
    return store.put(bucket, key, BytesIO(body), size=len(body), sha256=sha256, content_type="video/mp4")


def _needed(role: str, root: Any) -> set[Right]:
    """Use the store as *role* does, and read off the calls which rights that takes."""
    needed: set[Right] = set()

    def note(params: dict[str, Any], model: Any, **_: Any) -> None:
        bucket = f"arn:aws:s3:::{params['Bucket']}"
        if model.name == "HeadBucket":
            needed.add(("s3:ListBucket", bucket))
            return
        action = RIGHTS[model.name]  # KeyError: a call that nobody has thought about yet
        needed.add((action + ("Version" if "VersionId" in params else ""), f"{bucket}/{params['Key']}"))
        if model.name == "HeadObject":
            needed.add(("s3:ListBucket", bucket))

    verbs = _verbs(role)
    for dialect in ("aws", "generic"):  # with and without conditional puts
        store = S3Store(Store(dialect=dialect))
        for client in (store._client, store._public):
            client.meta.events.register("provide-client-params.s3", note)
        for bucket, key in OF_A_WORKER if role == "worker" else OBJECTS:
            version = None
            if "put" in verbs:
                version = _put(store, bucket, key)
            else:
                version = root.put_object(Bucket=bucket, Key=key, Body=b"film")["VersionId"]
            for which in (None, version):
                if "head" in verbs:
                    store.head(bucket, key, which)
                if "read" in verbs:
                    list(store.read(bucket, key, which))
                if "link" in verbs:
                    store.link(bucket, key, which, seconds=1, filename="film.mp4")
            root.delete_object(Bucket=bucket, Key=key)
        if "is_reachable" in verbs:
            assert store.is_reachable("videos")  # Content asks for the bucket of the originals alone
    return needed


@pytest.mark.parametrize("role", ROLES)
def test_policy__covers_exactly_the_calls(role: str, buckets: Any) -> None:
    """Each right that the calls take is given, and each one given is taken by a call; nothing deletes."""
    needed, policy = _needed(role, buckets), _policy(role)
    given = [(action, arn) for actions, arns in policy for action in actions for arn in arns]

    def covers(right: Right, grant: Right) -> bool:
        return right[0] == grant[0] and fnmatchcase(right[1], grant[1])

    assert [] == sorted(right for right in needed if not any(covers(right, grant) for grant in given))
    assert [] == sorted(grant for grant in given if not any(covers(right, grant) for right in needed))
    assert not [action for action, _ in given if "Delete" in action or "*" in action]


def test_policy__every_verb_of_the_store_has_its_user() -> None:
    """The reading of the code finds all verbs, so none escapes the policies."""
    assert {"put", "head", "read", "link"} == _verbs("worker")
    assert {"link", "is_reachable"} == _verbs("web")
    assert {name for name in vars(S3Store) if not name.startswith("_")} == _verbs("worker") | _verbs("web")


def test_policy__holds_in_a_store_that_judges_by_it(buckets: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under moto's reading of the policies workers archive, nobody deletes, web does not write."""
    iam = boto3.client("iam", region_name="us-east-1")
    keys = {}
    for role in ROLES:
        iam.create_user(UserName=role)
        document = (DEPLOY / "iam" / f"{role}.json").read_text()
        iam.put_user_policy(UserName=role, PolicyName="p", PolicyDocument=document)
        keys[role] = iam.create_access_key(UserName=role)["AccessKey"]

    def become(role: str) -> S3Store:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", keys[role]["AccessKeyId"])
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", keys[role]["SecretAccessKey"])
        return S3Store(Store())

    @set_initial_no_auth_action_count(0)
    def judged() -> None:
        worker = become("worker")
        for bucket, key in OF_A_WORKER:
            version = _put(worker, bucket, key)
            assert worker.head(bucket, key, version) is not None
            assert b"film" == b"".join(worker.read(bucket, key, version))
        with pytest.raises(StoreUnavailableError, match="store_access_denied"):
            _put(worker, "videos", "elsewhere/film.mp4")
        web = become("web")
        assert b"film" == b"".join(web.read("videos", ORIGINAL, None))
        with pytest.raises(StoreUnavailableError, match="store_access_denied"):
            _put(web, "videos", ORIGINAL)
        for store in (worker, web):
            with pytest.raises(Exception, match="AccessDenied"):
                store._client.delete_object(Bucket="videos", Key=ORIGINAL)

    judged()


def test_policies__and_settings_speak_of_the_same_buckets() -> None:
    """The examples fit together as they are."""
    toml = tomllib.loads((DEPLOY / "systemd" / "reelkeep.toml").read_text())["store"]
    assert ("videos", "videos-companion") == (toml["bucket"], toml["companion_bucket"])
    assert ("videos", "videos-companion") == (ENV_EXAMPLE["S3_BUCKET"], ENV_EXAMPLE["S3_COMPANION_BUCKET"])
    assert ("videos", "videos-companion") == (Settings().store.bucket, Settings().store.companion)
