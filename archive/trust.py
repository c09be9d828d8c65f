"""What may be done with a statement, given how far it proves itself. Pure; the whole policy of trust stands here."""

from enum import StrEnum

from archive.errors import LinkRefusedError
from archive.model import Event, Link, Progress, Verdict
from archive.urls import DEFAULT_PORTS, read_url


class Decision(StrEnum):
    BELIEVE = "believe"  # act on it, links included
    CONFIRM = "confirm"  # a hint: ask the provider's status API, believe only that
    DOUBT = "doubt"  # nobody to ask: success is kept with its links quarantined, failure is not believed


def decide(event: Event, verdict: Verdict, *, can_ask: bool, confirm_always: bool, hosts: frozenset[str]) -> Decision:
    """
    Decide about *event*.

    `can_ask`: the source has an API key. `hosts`: the names its links may point to unconfirmed.
    A failure below SIGNED_BODY is never believed as it stands: a forged one would kill a paid video.
    """
    if verdict is Verdict.POLLED or (verdict is Verdict.SIGNED_BODY and not confirm_always):
        return Decision.BELIEVE
    if can_ask:
        return Decision.CONFIRM
    if (
        event.progress is Progress.SUCCEEDED
        and verdict >= Verdict.TOKEN
        and all(_is_listed(link, hosts) for output in event.outputs for link in (output.link, output.second) if link)
    ):
        return Decision.BELIEVE
    return Decision.DOUBT


def _is_listed(link: Link, hosts: frozenset[str]) -> bool:
    """Whether a host or origin of ours stands where the link will be followed to: read once, as the guard reads it."""
    try:
        read = read_url(link.url)
    except LinkRefusedError:
        return False
    return read.origin in hosts or (read.host in hosts and read.port == DEFAULT_PORTS[read.scheme])
