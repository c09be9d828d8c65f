"""
What providers answer to a create call, told in words that are the same for all of them. Pure.

A provider's own code comes first, then HTTP's status. Neither its message nor anything else it wrote becomes a reason;
a code that nobody documented does, as `provider_<code>`.
"""

from collections.abc import Iterable, Mapping, Set
from datetime import datetime
from decimal import Decimal

from archive.creation import Created
from archive.documents import Reader, parse
from archive.errors import MalformedDeliveryError, NotUnderstoodError, ProviderBusyError, ProviderRefusedError
from archive.grammar import check_name
from archive.model import ApiAnswer
from archive.providers import reading

# The reasons of ProviderRefusedError, whoever the provider.
REFUSALS = frozenset(
    {
        "content_unsafe",
        "idempotency_conflict",
        "image_too_large",
        "insufficient_credits",
        "invalid_aspect_ratio",
        "invalid_duration",
        "invalid_image",
        "invalid_parameters",
        "invalid_prompt",
        "key_refused",
        "not_offered",
        "refused",
        "too_many_images",
    }
)
MAX_TASKS = 64  # of one order; the largest documented batch is 4
_SURE = {401: "key_refused", 402: "insufficient_credits", 403: "key_refused"}
_LIKELY = {400: "invalid_parameters", 422: "invalid_parameters"}
_BUSY = {408, 425, 429}
_MAX_CREDITS = 10**9


def opened(answer: ApiAnswer) -> Reader:
    """
    The answer's object; an empty one where an error has none.

    Raises:
        NotUnderstoodError: `answer_not_json`, `not_an_object`, below HTTP 400. Not "busy": the order may have been
            taken, and whoever repeated it might pay twice.
    """
    try:
        document = parse(answer.body)
    except MalformedDeliveryError:
        if answer.status < 300:
            raise NotUnderstoodError("answer_not_json") from None
        document = {}
    return Reader({} if answer.status >= 300 and not isinstance(document, dict) else document)


def code(value: object) -> str:
    """A code, written as a number or a word; nothing for what can be neither."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    return str(value).strip() if not isinstance(value, int) or abs(value) < 1 << 31 else ""


def error_code(root: Reader) -> str:
    """The code of `error: {code, message}`; nothing where there is none."""
    error = reading.optional(root.object, "error")
    return "" if error is None else code(error.raw("code"))


def check(code: str, answer: ApiAnswer, *, at: datetime, refused: Mapping[str, str], busy: Set[str]) -> None:
    """
    Raise what *code*, else the HTTP status says against the order. An unknown code under HTTP 2xx says nothing here.

    Raises:
        ProviderBusyError: one of *busy*, 408, 425, 429 and 5xx, with the wait it asks for.
        ProviderRefusedError: one of `REFUSALS`, `provider_<code>` or `http_<status>`.
    """
    if code in busy:
        raise ProviderBusyError(
            f"code_{code}" if code.isdecimal() else code.lower(), reading.retry_after(answer, at=at)
        )
    if code in refused:
        raise ProviderRefusedError(refused[code])
    status = answer.status
    if status in _BUSY or status >= 500:
        raise ProviderBusyError(f"http_{status}", reading.retry_after(answer, at=at))
    if status in _SURE:
        raise ProviderRefusedError(_SURE[status])
    if status >= 300:
        raise ProviderRefusedError(unknown(code) if code else _LIKELY.get(status, f"http_{status}"))


def unknown(code: object) -> str:
    """A code that nobody documented, as a reason."""
    slug = reading.fail_slug(code)
    return "refused" if slug == "provider_failed" else slug


def created(task_ids: Iterable[str | None], amount: object = None) -> Created:
    """
    The tasks of an order, each once, and what it cost in the credits of the provider.

    Raises:
        NotUnderstoodError: `task_id_missing`, `task_id_not_printable`, `too_many_tasks`.
    """
    names = tuple(dict.fromkeys(check_name(task_id, "task_id") for task_id in task_ids))
    if len(names) > MAX_TASKS:
        raise NotUnderstoodError("too_many_tasks")
    return Created(names, _credits(amount))


def _credits(value: object) -> Decimal | None:
    """Credits as the answer counts them; nothing for what can be no amount, which must not cost the task."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _MAX_CREDITS:
        return None
    return Decimal(str(value))
