"""The service on this machine, as `/readyz` speaks of it. Pure, but for the one request."""

from typing import Any

from archive.doctor import tls, wire
from archive.doctor.findings import Finding, Step, error, note, warning
from archive.doctor.place import Place
from archive.doctor.wire import Answered, Request, SilenceError
from archive.documents import parse
from archive.errors import MalformedDeliveryError

_START = "Start it (reelkeep up, or the web process), or say where it is with --url."


def ask(here: Place) -> Answered | None:
    """What the service answers to `GET /readyz`, None where nothing does."""
    headers = [("Host", here.authority), ("Connection", "close")]
    try:
        sock = wire.connect(here.host, here.port)
        if here.scheme == "https":
            sock = tls.authorities().wrap_socket(sock, server_hostname=here.host)
        return wire.exchange(sock, Request("GET", f"{here.prefix}/readyz", headers))
    except (SilenceError, OSError):
        return None


def judge(url: str, answered: Answered | None, *, is_optional: bool) -> Step:
    """*is_optional*: the service may as well run on another machine."""
    if answered is None:
        text = f"Nothing answers at {url}."
        found = note("not_here", text, "Nothing, if Reelkeep runs on another machine.") if is_optional else None
        return Step("service", "silent", (found or error("service_silent", text, _START),))
    checks = _checks(answered)
    if checks is None:
        text = f"What answers at {url} ({answered.status}) is no Reelkeep."
        return Step("service", "unknown", (error("service_unknown", text, _START),))
    found_in = [_judge_check(name, said) for name, said in checks.items() if said != "ok"]
    return Step("service", f"{url} {'is ready' if answered.status == 200 else 'is not ready'}", tuple(found_in))


def _judge_check(name: str, said: str) -> Finding:
    if name == "ledger":
        text = f"The receiver cannot commit deliveries ({said}): senders are told to come again."
        return error(
            "not_ready", text, "Bring the ledger's database back; `reelkeep migrate` where its tables are old."
        )
    return warning(
        f"{name}_unreachable",
        f"The receiver does not reach the {name}: {said.removeprefix('unreachable: ')}.",
        f"Bring the {name} back.",
    )


def _checks(answered: Answered) -> dict[str, str] | None:
    try:
        document: Any = parse(answered.body)
    except MalformedDeliveryError:
        return None
    checks = document.get("checks") if isinstance(document, dict) else None
    return {str(name): str(said) for name, said in checks.items()} if isinstance(checks, dict) else None
