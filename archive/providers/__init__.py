"""The providers, one pure module each: what they send, what it means, how they are asked. No I/O here."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

from archive.creation import Created, CreatePath, Creation, StatusPath
from archive.errors import NotUnderstoodError
from archive.model import ApiAnswer, ApiRequest, Callbacks, Delivery, Event, Link, Pace, Verdict
from archive.providers import acedata, kie, kyyaipower, seedance2ai, seedanceapi


class Provider(Protocol):
    """
    What a provider module offers. Every function is pure; instants are passed in.

    What a provider does not have, its module imports from `archive.providers.without`.
    """

    @property
    def API_BASE(self) -> str:  # noqa: N802 (a module constant)
        """Where the status API lives unless the source says otherwise."""

    @property
    def HOSTS(self) -> frozenset[str]:  # noqa: N802
        """Exact host names the provider is known to serve files from."""

    @property
    def CALLBACKS(self) -> Callbacks:  # noqa: N802
        """Whether it calls back, and whether it signs."""

    @property
    def LINK_LIFE(self) -> timedelta:  # noqa: N802
        """How long a link lives where nothing states it: the shortest the documentation says."""

    @property
    def PACE(self) -> Pace:  # noqa: N802
        """How an account may be asked."""

    @property
    def GONE_AFTER(self) -> timedelta:  # noqa: N802
        """A task unknown to every route is believed gone only past this age."""

    @property
    def ROUTES(self) -> tuple[str, ...]:  # noqa: N802
        """The status routes, in the order they are asked when the task's own is not known."""

    @property
    def PRODUCTS(self) -> Mapping[str, type[Creation]]:  # noqa: N802
        """What `reelkeep generate` can order, by name; the first is ordered where none is named."""

    @property
    def CREATE_PATHS(self) -> Mapping[str, CreatePath]:  # noqa: N802
        """Every documented path that orders something, by path; more than PRODUCTS, where we know no table."""

    @property
    def STATUS_PATHS(self) -> tuple[StatusPath, ...]:  # noqa: N802
        """Every other documented path that a client of the provider needs."""

    def verify(self, delivery: Delivery, document: Any, keys: Sequence[str], *, now: datetime) -> Verdict:
        """Judge the signature; any one of *keys* may match. Raises VerificationError."""

    def sender_id(self, delivery: Delivery) -> str | None:
        """The delivery id the provider gives, where it gives one."""

    def normalise(self, document: Any, *, at: datetime, task_id: str | None = None) -> Event:
        """Read a callback; *task_id* is whose it is where the body does not say. Raises NotUnderstoodError."""

    def reply(self) -> dict[str, Any]:
        """What this provider wants to read in a 200, beside our own fields."""

    def status_request(self, route: str, task_id: str) -> ApiRequest:
        """How to ask about a task on one route."""

    def read_status(self, route: str, answer: ApiAnswer, *, at: datetime) -> Event:
        """
        Read the answer. A word of state that nobody documented is not final: RUNNING, reason `state_unknown`.

        Raises TaskUnknownError, ProviderBusyError, ProviderRefusedError, NotUnderstoodError.
        """

    def batch_request(self, route: str, task_ids: Sequence[str]) -> ApiRequest | None:
        """How to ask about several tasks, up to `PACE.batch`, at once; None where the route has no such request."""

    def read_batch(self, route: str, answer: ApiAnswer, *, at: datetime) -> dict[str, Event | NotUnderstoodError]:
        """
        Read the answer, by task id. A task it does not mention is unknown; one told in a way we do not understand is
        there as the error. Raises ProviderBusyError, ProviderRefusedError, NotUnderstoodError.
        """

    def fresh_link_request(self, url: str) -> ApiRequest | None:
        """How to have a link signed anew; None where the provider has no such call."""

    def read_fresh_link(self, answer: ApiAnswer, *, at: datetime) -> Link:
        """Read the fresh link. Raises like read_status."""

    def read_created(self, path: str, answer: ApiAnswer, *, at: datetime) -> Created:
        """
        Read the answer of a create path.

        Raises ProviderBusyError, ProviderRefusedError with the documented code as its reason, NotUnderstoodError.
        """

    def resign(self, document: Any, *, key: str, now: datetime) -> dict[str, str]:
        """
        The provider's signature headers for a callback of its own, made anew with *key* at *now*, for passing on what
        we have verified. Empty where the provider signs nothing, or the document names no task.
        """

    def sample(self, task_id: str, url: str, *, key: str | None, now: datetime) -> tuple[dict[str, str], bytes]:
        """
        Headers and body of a success callback as the provider would send it now, signed where *key* is given.

        Raises NotUnderstoodError where the provider never calls back.
        """


PROVIDERS: dict[str, Provider] = {
    "kie": kie,
    "seedanceapi": seedanceapi,
    "seedance2ai": seedance2ai,
    "kyyaipower": kyyaipower,
    "acedata": acedata,
}
