"""`doctor`: the settings, the service on this machine, and with `--callback` the way that callbacks come."""

import argparse
import json
import os
import ssl
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from archive.cli.verbs import Verbs
from archive.doctor import place, service, tls
from archive.doctor.examine import Examination, Ways
from archive.doctor.findings import Finding, Level, Step, error
from archive.settings import Settings, SettingsError, load
from archive.tables import printable

_MARKS = {Level.ERROR: "!!", Level.WARNING: "! ", Level.NOTE: "ok", None: "ok"}
_SILENT = {"service_silent", "name_unknown", "dns_failed", "no_connection"}  # nothing answers: exit 69
_NO_KEY = error(
    "no_signing_keys",
    "No signing key is known, so no probe can be signed and no answer proved.",
    "Set server.signing_keys or REELKEEP_SIGNING_KEY to what web has (`reelkeep up` keeps its own in "
    "DATA/secrets/signing.key); a new one: openssl rand -hex 32, for both.",
)


def add(verbs: Verbs) -> None:
    made = verbs.add("doctor", _doctor, "check the settings and the service; with --callback the way from outside")
    made.add_argument("--callback", action="store_true", help="prove that server.public_url reaches this receiver")
    made.add_argument("--public-url", metavar="URL", help="another than server.public_url")
    made.add_argument("--ca", metavar="FILE", type=Path, help="trust this authority as well (PEM)")


def _doctor(options: argparse.Namespace) -> int:
    settings = load(for_client=options.callback)
    public_url = options.public_url or settings.server.public_url
    steps = _steps(options, settings, public_url)
    if not options.json:
        return _code(_told(steps))
    done = list(steps)
    where = place.read(public_url)
    code = _code(done)
    report = {"public_url": where.url if where else None, "ok": code == 0, "steps": [_row(step) for step in done]}
    print(json.dumps(report, indent=2))
    return code


def _steps(options: argparse.Namespace, settings: Settings, public_url: str) -> Iterator[Step]:
    keys = settings.signing_keys
    lacking = (_NO_KEY,) if options.callback and not keys else ()
    yield Step("settings", f"{len(settings.sources)} sources", lacking)
    url = options.url or os.environ.get("REELKEEP_URL") or f"http://127.0.0.1:{settings.server.port}"
    here = place.read(url)
    yield service.judge(url, service.ask(here) if here else None, is_optional=options.callback)
    if not options.callback:
        where = place.read(public_url)
        # Who only tries it out, or only polls, needs no address that providers reach.
        lenient = {"not_public": Level.WARNING}
        found = tuple(replace(one, level=lenient.get(one.slug, one.level)) for one in place.judge_form(where))
        yield Step("address", where.url if where else "?", found)
    elif keys:
        yield from Examination(public_url, keys[0], Ways(trust=_trust(options.ca))).steps()


def _trust(own: Path | None) -> ssl.SSLContext:
    try:
        return tls.authorities(own)
    except OSError as exc:  # ssl.SSLError is one
        raise SettingsError([f"--ca {own}: is no file of PEM certificates ({exc.strerror or exc})"]) from exc


def _told(steps: Iterable[Step]) -> Iterator[Step]:
    """Print each step as it is done."""
    for step in steps:
        mark = _MARKS[step.level] if step.tried else "--"
        print(f"{mark}  {step.name:<10}  {printable(step.text)}", flush=True)
        for finding in step.findings:
            print(_indented(finding.text if finding.level is not Level.NOTE else f"Note: {finding.text}", "    "))
            print(_indented(finding.advice, "    → "))
        yield step


def _indented(text: str, first: str) -> str:
    return textwrap.fill(
        printable(text), 100, initial_indent=f"{'':12}{first}", subsequent_indent=" " * (12 + len(first)),
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip


def _row(step: Step) -> dict[str, object]:
    return {
        "step": step.name,
        "state": "not_tried" if not step.tried else step.level or "ok",
        "text": step.text,
        "findings": [vars(finding) for finding in step.findings],
    }


def _code(steps: Iterable[Step]) -> int:
    found: list[Finding] = [finding for step in steps for finding in step.findings]
    errors = {finding.slug for finding in found if finding.level is Level.ERROR}
    if _NO_KEY.slug in errors:
        return 78
    return 69 if errors & _SILENT else 1 if errors else 0
