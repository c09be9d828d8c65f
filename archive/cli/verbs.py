"""What the commands share: how one is added, whom it asks, and how an answer is told."""

import argparse
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import httpx

from archive.lifetime import seconds
from archive.settings import Settings, SettingsError, load
from reelkeep.client import Client, Retries

Run = Callable[[argparse.Namespace], int]


def _common() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--config", metavar="FILE", help="settings file (REELKEEP_CONFIG)")
    common.add_argument("--json", action="store_true", help="machine-readable output")
    return common


def _asking() -> argparse.ArgumentParser:
    api = argparse.ArgumentParser(add_help=False, parents=[_common()])
    api.add_argument("--url", help="where the service answers (REELKEEP_URL)")
    return api


@dataclass(frozen=True)
class Verbs:
    """A level of commands: `reelkeep VERB`, or `reelkeep NOUN VERB`."""

    _parsers: Any
    _local: argparse.ArgumentParser = field(default_factory=_common)
    _api: argparse.ArgumentParser = field(default_factory=_asking)

    @classmethod
    def of(cls, parser: argparse.ArgumentParser) -> "Verbs":
        return cls(parser.add_subparsers(required=True, metavar="COMMAND"))

    def add(self, name: str, run: Run, text: str, *, local: bool = False, **defaults: Any) -> argparse.ArgumentParser:
        """A command that does *run*; one that is *local* has no address of a service."""
        parents = [self._local if local else self._api]
        made: argparse.ArgumentParser = self._parsers.add_parser(name, help=text, description=text, parents=parents)
        made.set_defaults(run=run, **defaults)
        return made

    def under(self, noun: str, text: str) -> "Verbs":
        """The commands of *noun*."""
        return Verbs(self._parsers.add_parser(noun, help=text).add_subparsers(required=True, metavar="VERB"))


def own_words(made: argparse.ArgumentParser) -> None:
    """What the user says of a task in words of his own; `about_task` reads it."""
    made.add_argument("--external-id", help="your own id")
    made.add_argument("--meta", action="append", default=[], metavar="KEY=VALUE", help="kept with the task")


def about_task(options: argparse.Namespace) -> dict[str, Any]:
    metadata = dict(pair.partition("=")[::2] for pair in options.meta)
    said = {"source": options.source, "external_id": options.external_id}
    return {**said, "metadata": metadata} if metadata else said


def lifetime(text: str) -> int:
    """For argparse: a span like 7d or an instant, in seconds from now."""
    try:
        return seconds(text, datetime.now(UTC))
    except ValueError as exc:
        raise argparse.ArgumentTypeError(str(exc)) from None


def client(options: argparse.Namespace) -> Client:
    """The API's address and a token: as given, else from the environment, else from the settings."""
    settings: Settings = load(for_client=True)
    url = options.url or os.environ.get("REELKEEP_URL") or f"http://127.0.0.1:{settings.server.port}"
    tokens = [*settings.server.operator_tokens, *settings.server.viewer_tokens]
    token = os.environ.get("REELKEEP_TOKEN") or (tokens[0].get_secret_value() if tokens else "")
    # A connection for each question: none stands open at the end.
    http = httpx.Client(timeout=30, trust_env=False, limits=httpx.Limits(max_keepalive_connections=0))
    try:
        return Client(url, token, retries=Retries(times=0), http=http)  # who sits at a terminal may try again
    except ValueError as exc:
        raise SettingsError([f"--url, REELKEEP_URL, REELKEEP_TOKEN: {exc}"]) from None


def tell(options: argparse.Namespace, answer: dict[str, Any]) -> int:
    """Print one row: in full as JSON, else what stands on one line."""
    shown = {name: value for name, value in answer.items() if value is not None and not isinstance(value, list | dict)}
    print(json.dumps(answer, indent=2) if options.json else "  ".join(f"{n}={v}" for n, v in shown.items()))
    return 0


def show(options: argparse.Namespace) -> int:
    """`NOUN show ID`."""
    print(json.dumps(client(options).get(_path(options)), indent=2))
    return 0


def act(options: argparse.Namespace) -> int:
    """`NOUN VERB ID`: tell the service to do *options.verb* to one of *options.what*."""
    return tell(options, client(options).post(f"{_path(options)}/{options.verb}"))


def _path(options: argparse.Namespace) -> str:
    return f"/api/{options.what}/{quote(options.id, safe='')}"
