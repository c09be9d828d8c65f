"""
What a provider's create call takes, costs and answers, in our words. Pure.

Each provider module has a `Creation` for each of its products: the documented table of parameters as a model, so that a
mistake is told before anything is spent. Beside it stand the paths that its clients know, for the proxy.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, model_validator


@dataclass(frozen=True)
class Cost:
    """What the documented price table says: US dollars, and the provider's credits where it counts in them."""

    usd: Decimal
    credits: Decimal | None = None


@dataclass(frozen=True)
class Created:
    """A create call that was taken: one task, or several where a batch was ordered. `credits` as the answer says."""

    task_ids: tuple[str, ...]
    credits: Decimal | None = None


class Parameters(BaseModel):
    """An object of documented fields and no others. A null counts as not set."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, values: Any) -> Any:
        return (
            {key: value for key, value in values.items() if value is not None} if isinstance(values, dict) else values
        )


class Creation(Parameters):
    """
    The parameters of one product. A field that nobody sets is not sent: its default is the provider's to choose.

    The callback URL is no parameter: it is filled in by whoever sends the request.
    """

    PATH: ClassVar[str]  # a key of the provider's CREATE_PATHS

    @classmethod
    def from_prompt(cls, prompt: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """*parameters* with *prompt* where this product has its text; one that is there already gives way."""
        return {**parameters, "prompt": prompt}

    def request(self) -> dict[str, Any]:
        """The body as the provider documents it."""
        return self.model_dump(mode="json", exclude_unset=True, by_alias=True)

    def cost(self) -> Cost | None:
        """The estimate by the documented prices; None where none are documented."""
        return None


def always(_body: Mapping[str, Any]) -> bool:
    return True


@dataclass(frozen=True)
class CreatePath:
    """
    A path that orders something: `POST <api_base><path>` with a JSON body.

    `answers_at_once` says of a body whether its answer names a task that goes on; where not, adding a callback URL
    would change what the caller hears.
    """

    path: str
    callback_field: str | None  # top-level field of the body; None where the provider never calls back
    is_idempotent: bool = False  # takes Idempotency-Key, so that a lost answer may be asked for again
    answers_at_once: Callable[[Mapping[str, Any]], bool] = always


@dataclass(frozen=True)
class StatusPath:
    """A path that asks: about tasks of `route` (of the provider's ROUTES), or where None about something else."""

    method: str
    path: str  # `{task_id}` stands for one segment
    route: str | None
