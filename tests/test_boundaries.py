"""Who may know whom: a fresh interpreter imports each package and is searched for the others' libraries."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
OURS = {"archive", "receiver", "workers", "simulator", "reelkeep"}
MEDIA_AND_STORE = {"av", "boto3", "botocore", "s3transfer"}
WEB = {"starlette", "uvicorn", "receiver", "httptools", "uvloop"}


def loaded(*names: str) -> set[str]:
    """The top-level modules in an interpreter that has imported *names* and nothing else."""
    program = "import importlib, sys\nfor name in sys.argv[1:]: importlib.import_module(name)\nprint(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program, *names], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (0, "") == (done.returncode, done.stderr)
    return {name.partition(".")[0] for name in done.stdout.split()}


def modules(package: str) -> list[str]:
    """Every module of a package by its file, migrations and entry points left out."""
    files = sorted((ROOT / package).rglob("*.py"))
    names = [".".join(file.relative_to(ROOT).with_suffix("").parts) for file in files if "migrations" not in file.parts]
    return [name.removesuffix(".__init__") for name in names if not name.endswith("__main__")]


def test_receiver__loads_no_media_no_store_no_workers() -> None:
    """The web process starts without FFmpeg, without the S3 client, and without the workers."""
    found = loaded("receiver.app", *modules("receiver"))
    assert set() == found & (MEDIA_AND_STORE | {"workers", "simulator"})
    assert {"starlette", "archive"} <= found


def test_workers__load_no_web() -> None:
    """A worker starts without the web framework and the receiver."""
    found = loaded("workers.runtime")
    assert set() == found & (WEB | {"simulator"})
    assert {"boto3", "archive"} <= found


def test_archive__loads_neither_side() -> None:
    """The core knows neither the web nor the workers, and no media library; the S3 client only in its one module."""
    names = [name for name in modules("archive") if name != "archive.s3"]
    assert set() == loaded(*names) & (WEB | MEDIA_AND_STORE | {"workers", "simulator"})


@pytest.mark.parametrize("package", ["providers", "ledger"])
def test_archive__its_heart_loads_no_client(package: str) -> None:
    """Providers and ledger speak to no network but the database's."""
    found = loaded(*modules(f"archive/{package}"))
    assert set() == found & {"httpx", "httpcore", "redis", "rq", "requests"}


def test_archive__an_http_client_only_where_the_command_line_needs_it() -> None:
    """Whoever imports the core gets no HTTP client by it, and no queue but through `wakeups`."""
    shells = ("archive.cli", "archive.up", "archive.s3")
    rest = [name for name in modules("archive") if not name.startswith(shells)]
    assert set() == loaded(*rest) & {"httpx", "httpcore"}
    assert set() == loaded(*(set(rest) - {"archive.wakeups"})) & {"rq", "redis"}


def test_reelkeep__is_light_for_its_users() -> None:
    """Asking the API costs httpx and nothing else; reading notifications adds the library that verifies them."""
    heavy = loaded("reelkeep.client")
    light = loaded("httpx")
    assert {"reelkeep"} == heavy - light - sys.stdlib_module_names
    assert {"reelkeep", "standardwebhooks"} == loaded(*modules("reelkeep")) - light - sys.stdlib_module_names


def test_reelkeep__only_the_command_line_uses_it() -> None:
    """The service itself asks nobody through its own API."""
    rest = [name for name in modules("archive") if not name.startswith("archive.cli")]
    assert "reelkeep" not in loaded(*rest, "receiver.app", "workers.runtime")


def test_simulator__knows_nothing_of_ours() -> None:
    """What plays the providers cannot have learned it from us."""
    assert set() == loaded(*modules("simulator")) & (OURS - {"simulator"})


MAY_CONNECT = {
    "workers/{egress,backend,tunnel,patience}.py",
    "receiver/{upstream,tunnel}.py",
    "archive/doctor/*",
    "archive/{cli/verbs,up}.py",
    "reelkeep/**",
    "simulator/**",
    "tests/**",
}
WAYS_OUT = [
    "import httpx\nhttpx.get('https://files.example/')",
    "import httpx\nhttpx.Client(trust_env=False)",
    "from httpx import AsyncClient",
    "from httpx import HTTPTransport as _T",
    "import httpcore",
    "from httpcore import ConnectionPool",
    "import urllib.request",
    "from urllib.request import urlopen",
    "import http.client",
    "from http.client import HTTPSConnection",
    "import requests",
    "import urllib3",
    "import aiohttp",
    "import socket\nsocket.create_connection(('files.example', 443))",
    "from socket import socket",
    "import socket as s\ns.socket()",
    "import asyncio\nasyncio.open_connection('files.example', 443)",
]


def banned(path: str, snippets: list[str]) -> list[str]:
    """Those of *snippets* whose last line the linter, with the rules of this repository, finds wanting at *path*."""
    lines, ends = [], {}
    for number, snippet in enumerate(snippets):  # each in a scope of its own
        lines += [f"def f{number}() -> None:", *(f"    {line}" for line in snippet.split("\n"))]
        ends[len(lines)] = snippet
    command = [sys.executable, "-m", "ruff", "check", "--select", "TID251", "--output-format", "concise", "--no-cache"]
    done = subprocess.run(
        [*command, "--stdin-filename", path, "-"],
        cwd=ROOT, input="\n".join(lines), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode in (0, 1), done.stderr
    found = {int(number) for number in re.findall(r"^[^:]+:(\d+):\d+: TID251 ", done.stdout, re.MULTILINE)}
    return [snippet for end, snippet in ends.items() if end in found]


@pytest.mark.parametrize("path", ["workers/planted.py", "workers/fetch.py", "receiver/planted.py", "archive/cli/x.py"])
def test_ways_out__the_linter_finds_each(path: str) -> None:
    """A line that would connect past the guard does not get through the linter; types of httpx are no way out."""
    harmless = "import httpx\nreturn httpx.Response, httpx.RemoteProtocolError"
    assert WAYS_OUT == banned(path, [*WAYS_OUT, harmless])


def test_ways_out__the_exceptions_are_these() -> None:
    """Who may connect by itself is named here too, and no line takes an exception for itself."""
    rules = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["ruff"]["lint"]["per-file-ignores"]
    assert MAY_CONNECT == {pattern for pattern, codes in rules.items() if "TID251" in codes}
    ours = [file for package in ("archive", "receiver", "workers") for file in (ROOT / package).rglob("*.py")]
    assert not [file.name for file in ours if "TID251" in file.read_text()]


def test_bodies__are_never_unpacked_by_the_library() -> None:
    """F48: no body is read in a way in which httpx would unpack it, without a bound."""
    unpacking = {"iter_bytes", "iter_text", "iter_lines", "aiter_bytes", "aiter_text", "aiter_lines", "aread"}
    found = {
        str(file.relative_to(ROOT))
        for package in ("archive", "receiver", "workers")
        for file in (ROOT / package).rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Attribute) and node.attr in unpacking
    }
    assert set() == found
