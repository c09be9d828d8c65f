"""The stage of the user's side: five simulated providers, the whole service, and an application that hears from it."""

import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from standardwebhooks import Webhook

from tests.listener import Heard, Listener
from tests.simulator.customers import PRODUCTS
from tests.system.harness import API_KEY, HMAC_KEY, TOKEN, GatedS3, Provider, Redis, Service, stopping

SECRET: Final = "whsec_" + base64.b64encode(b"the user's application's secret!").decode()
CALLBACK_TOKEN: Final = "callback-token-of-the-source"
SOURCES: Final = ("kie", "seedanceapi", "seedance2ai", "kyyaipower", "acedata")
QUICK: Final[dict[str, Any]] = {"size": 60_000, "ready_after": 0.2}
_OFTEN: Final = "[workers]\nsweep = 1\n"  # seconds: what becomes due by simulated time is seen soon
_UNLIMITED: Final = ("--limit", "seedance2ai=0/60", "--limit", "acedata=0/1")
_PROOF: Final = {"kie": f'webhook_keys = ["{HMAC_KEY}"]'} | dict.fromkeys(
    ("seedanceapi", "acedata"), f'tokens = ["{CALLBACK_TOKEN}"]'
)


@dataclass(frozen=True)
class Stage:
    """Everything that plays, and how the user's programs find the service."""

    service: Service
    provider: Provider
    listener: Listener  # the target of notifications
    s3: GatedS3
    ledger: Path
    bin: Path  # a folder with `reelkeep`

    @property
    def environment(self) -> dict[str, str]:
        """What a program of the user's has: the service's address, a token, the target's secret, no setting."""
        ours = {
            "PATH": f"{self.bin}:{os.environ['PATH']}",
            "REELKEEP_URL": self.service.url,
            "REELKEEP_TOKEN": TOKEN,
            "REELKEEP_SECRET": SECRET,
            "KIE_API_KEY": API_KEY,
        }
        return ours | {name: os.environ[name] for name in ("HOME", "LANG") if name in os.environ}

    def reelkeep(self, *arguments: str, folder: Path, seconds: float = 60) -> "subprocess.CompletedProcess[str]":
        """Run the command line as the user does."""
        running = self.started(*arguments, folder=folder)
        with running:
            out, err = running.communicate(timeout=seconds)
        return subprocess.CompletedProcess(running.args, running.returncode, out, err)

    def started(self, *arguments: str, folder: Path) -> "subprocess.Popen[str]":
        """The command line, while it runs."""
        return subprocess.Popen(
            (str(self.bin / "reelkeep"), *arguments),
            cwd=folder, env=self.environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def told(self, kind: str, number: int = 1, seconds: float = 30) -> list[dict[str, Any]]:
        """Wait for so many notifications of a type; each is verified by the published library."""
        heard = self.listener.wait_for(number, seconds, which=lambda each: _type(each) == kind)
        return [Webhook(SECRET).verify(each.body, each.headers) for each in heard]


def _type(heard: Heard) -> object:
    try:
        return json.loads(heard.body).get("type")
    except (ValueError, AttributeError):
        return None


def settings(provider: Provider, forward: Listener | None = None, more: str = "") -> str:
    """The five sources, each by its provider's name; *forward* may be called though it is private."""
    private = f'forward_hosts = ["127.0.0.1:{forward.port}"]' if forward else ""
    return "\n".join(
        f'[sources.{name}]\nprovider = "{name}"\napi_key = "{API_KEY}"\napi_base = "{provider.api}"\n'
        f'allowed_hosts = ["{provider.files_host}"]\ninsecure_http = true\nmax_concurrency = 32\n'
        f"rate_limit = {{ requests = 4000, seconds = 1 }}\n{_PROOF.get(name, '')}\n{private}\n{more}"
        for name in SOURCES
    )


def notify(listener: Listener, *secrets: str, name: str = "app", more: str = "") -> str:
    """The table of a target that is *listener*."""
    keys = json.dumps(secrets or (SECRET,))
    return (
        f'[[notify]]\nname = "{name}"\nurl = "{listener.url}"\nsecrets = {keys}\n'
        f"private = true\ninsecure_http = true\n{more}\n"
    )


@contextmanager
def staged(
    folder: Path, *, targets: str | None = None, processes: tuple[str, ...] = ("web", "worker", "clock")
) -> Iterator[Stage]:
    """Everything up under *folder*, and down again at the end."""
    (folder / "provider").mkdir()
    with ExitStack() as stack:
        listener, s3, redis = Listener(), GatedS3(), Redis()
        provider = Provider(folder / "provider", *_UNLIMITED)
        stack.enter_context(stopping(listener, provider, redis, s3))
        for product in PRODUCTS:
            provider.plan(product, **QUICK)
        service = Service(
            folder,
            s3=s3.url,
            redis=redis.url,
            settings='signing_keys = ["a-signing-key-that-is-long-enough-for-it"]',
            sources=settings(provider, listener) + "\n" + _OFTEN + (notify(listener) if targets is None else targets),
        )
        service.env["REELKEEP_PUBLIC_URL"] = service.url
        stack.enter_context(stopping(service))
        for process in processes:
            service.start(process)
        yield Stage(service, provider, listener, s3, folder / "ledger.db", _command(folder / "bin"))


def _command(folder: Path) -> Path:
    """A folder for PATH, with the command line as an installation has it."""
    folder.mkdir()
    script = folder / "reelkeep"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m archive.cli "$@"\n')
    script.chmod(0o755)
    return folder
