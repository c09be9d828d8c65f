"""The providers, one pure module each: what they send, what it means, how they are asked. No I/O here."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

from archive.model import ApiAnswer, ApiRequest, Delivery, Event, Link, Verdict
from archive.providers import kie


class Provider(Protocol):
    """What a provider module offers. Every function is pure; instants are passed in."""

    @property
    def API_BASE(self) -> str:  # noqa: N802 (a module constant)
        """Where the status API lives unless the source says otherwise."""

    @property
    def HOSTS(self) -> frozenset[str]:  # noqa: N802
        """Exact host names the provider is known to serve files from."""

    @property
    def LINK_LIFE(self) -> timedelta:  # noqa: N802
        """How long a link lives where nothing states it: the shortest the documentation says."""

    @property
    def TYPICAL(self) -> timedelta:  # noqa: N802
        """How long a generation usually takes: the first look is planned then."""

    @property
    def GONE_AFTER(self) -> timedelta:  # noqa: N802
        """A task unknown to every route is believed gone only past this age."""

    @property
    def ROUTES(self) -> tuple[str, ...]:  # noqa: N802
        """The status routes, in the order they are asked when the task's own is not known."""

    def verify(self, delivery: Delivery, document: Any, keys: Sequence[str], *, now: datetime) -> Verdict:
        """Judge the signature; any one of *keys* may match. Raises VerificationError."""

    def sender_id(self, delivery: Delivery) -> str | None:
        """The delivery id the provider gives, where it gives one."""

    def normalise(self, document: Any, *, at: datetime) -> Event:
        """Read a callback. Raises NotUnderstoodError."""

    def reply(self) -> dict[str, Any]:
        """What this provider wants to read in a 200, beside our own fields."""

    def status_request(self, route: str, task_id: str) -> ApiRequest:
        """How to ask about a task on one route."""

    def read_status(self, route: str, answer: ApiAnswer, *, at: datetime) -> Event:
        """Read the answer. Raises TaskUnknownError, ProviderBusyError, ProviderRefusedError, NotUnderstoodError."""

    def fresh_link_request(self, url: str) -> ApiRequest | None:
        """How to have a link signed anew; None where the provider has no such call."""

    def read_fresh_link(self, answer: ApiAnswer, *, at: datetime) -> Link:
        """Read the fresh link. Raises like read_status."""

    def sample(self, task_id: str, url: str, *, key: str | None, now: datetime) -> tuple[dict[str, str], bytes]:
        """Headers and body of a success callback as the provider would send it now, signed where *key* is given."""


PROVIDERS: dict[str, Provider] = {
    "kie": kie,
}
