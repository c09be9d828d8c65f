"""What an answer to a probe says of everything between the doctor and the receiver. Pure: no cascade of guesses."""

from datetime import datetime

from archive.doctor.arrival import judge_body
from archive.doctor.echo import Echo, Seen
from archive.doctor.findings import Finding, error, warning
from archive.doctor.place import Place
from archive.doctor.probe import Probe
from archive.doctor.refusals import judge_refusal
from archive.doctor.wire import Answered

SLOW, TOO_SLOW = 3.0, 5.0  # seconds: MiniMax's challenge; Ark, Luma (providers' documentation, read 2026-08)
DRIFT, TOO_MUCH_DRIFT = 60, 300  # seconds: what signatures of callbacks allow is archive.signature.WINDOW


def judge_answer(place: Place, probe: Probe, answered: Answered, echo: Echo | None) -> list[Finding]:
    """Whether it is our receiver that answers at all; if not, the one reason."""
    if echo is None:
        return [judge_refusal(place, answered)]
    if not echo.is_proved:
        return [
            error(
                "answer_altered",
                "Somebody in between changes the answer of Reelkeep: its proof does not fit.",
                "Switch off what rewrites answers for /webhooks/ (sub_filter, page optimisers, link protection): some "
                "providers read the answer.",
            )
        ]
    if echo.seen.nonce != probe.nonce:
        return [
            error(
                "answer_replayed",
                "The answer is one to an earlier request: somebody in between keeps answers to POST.",
                "Switch off caching for /webhooks/: a callback that is answered from a cache never arrives.",
            )
        ]
    if answered.status != 200:
        return [
            error(
                "status_changed",
                f"Reelkeep answered 200, and {answered.status} arrived: somebody in between changes the status.",
                "Let answers of /webhooks/ pass as they are: some providers take exactly 200.",
            )
        ]
    if answered.was_compressed or not echo.is_verbatim:
        return [
            warning(
                "answer_rewritten",
                "Somebody in between writes the answer anew" + (" (compressed)." if answered.was_compressed else "."),
                "Switch off compression and filters for /webhooks/: not every provider undoes them.",
            )
        ]
    return []


def judge_time(seconds: float, sent_at: datetime, seen: Seen) -> list[Finding]:
    """How long the round trip took, and how far the clocks of this machine and the receiver's are apart."""
    found = []
    if seconds > SLOW:
        text = (
            f"The answer took {seconds:.1f} s; some providers give up after {TOO_SLOW:.0f} s, one after {SLOW:.0f} s."
        )
        advice = "See what holds the request up: buffering or inspection in the proxy, a tunnel, a ledger that is busy."
        found.append((error if seconds > TOO_SLOW else warning)("slow", text, advice))
    drift = seen.clock / 1000 - sent_at.timestamp() - seconds / 2
    if abs(drift) > DRIFT + seconds / 2:
        ahead = "ahead of" if drift > 0 else "behind"
        text = f"The receiver's clock is {abs(drift):.0f} s {ahead} this machine's."
        advice = f"Run NTP on both: signatures of callbacks are good for {TOO_MUCH_DRIFT} s."
        found.append((error if abs(drift) > TOO_MUCH_DRIFT else warning)("clock_skew", text, advice))
    return found


def judge_size(place: Place, probe: Probe, answered: Answered | None, echo: Echo | None) -> list[Finding]:
    """A large probe, where a small one went well. *answered* is None where the connection was cut."""
    if answered is None or echo is None:
        how = f"answers {answered.status}" if answered else "cuts the connection"
        text = f"Somebody in front {how} at a body of {probe.size} bytes, which server.max_body allows."
        advice = "Allow as much in the proxy (nginx: client_max_body_size; Caddy: request_body max_size)."
        return [error("body_limit", text, advice)]
    return judge_answer(place, probe, answered, echo) or judge_body(probe, echo.seen)


def judge_chunked(place: Place, probe: Probe, answered: Answered | None, echo: Echo | None) -> list[Finding]:
    """A probe in chunks, where one with a Content-Length went well."""
    if answered is None or echo is None:
        how = f"answers {answered.status} to" if answered else "cuts"
        text = f"Somebody in front {how} a body without a Content-Length."
        advice = "Let the proxy take chunked requests under /webhooks/: HTTP/1.1 asks it of every server."
        return [error("chunked_refused", text, advice)]
    return judge_answer(place, probe, answered, echo) or judge_body(probe, echo.seen)
