"""What a task is registered with, one by one or in an import."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue

# Instants outside of these cannot be meant, and reckoning with the last of all overflows.
_FIRST, _LAST = datetime(2020, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


class TaskRow(BaseModel):
    """A task of an import."""

    model_config = ConfigDict(extra="forbid")

    source: Annotated[str, Field(description="a configured source")]
    task_id: Annotated[str, Field(description="the provider's id of the task")]
    external_id: Annotated[str | None, Field(min_length=1, max_length=512, description="your own id")] = None
    metadata: Annotated[dict[str, JsonValue] | None, Field(description="anything you want to find again")] = None
    expected_by: Annotated[
        AwareDatetime | None,
        Field(ge=_FIRST, lt=_LAST, description="when the result is likely; plans the first look"),
    ] = None

    @property
    def expected_at(self) -> datetime | None:
        """`expected_by` in UTC."""
        return self.expected_by.astimezone(UTC) if self.expected_by else None


class TaskIn(TaskRow):
    """A task to watch over."""

    callback_id: Annotated[
        str | None, Field(description="the `id` of the callback URL that was made for it; binds the two")
    ] = None
