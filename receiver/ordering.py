"""What somebody wants made, as an order that may be sent. Pure: every mistake is told before anything is spent."""

import re
from dataclasses import dataclass
from secrets import token_hex
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from archive.creation import Cost, CreatePath, Creation
from archive.errors import NotUnderstoodError
from archive.grammar import check_name
from archive.providers import PROVIDERS
from archive.sources import Source
from receiver.bodies import complaints
from receiver.keeping import GENERATE, kept
from receiver.problems import ProblemError

_KEY = re.compile(r"[!-~]{1,255}")


class GenerateIn(BaseModel):
    """Something to be made."""

    model_config = ConfigDict(extra="forbid")

    product: Annotated[str | None, Field(description="one of the provider's; its first where none is named")] = None
    prompt: Annotated[str | None, Field(description="its text, put where the product has it")] = None
    parameters: Annotated[
        dict[str, JsonValue], Field(description="as the provider documents them, the callback URL left out")
    ] = Field(default_factory=dict)
    external_id: Annotated[str | None, Field(min_length=1, max_length=512, description="your own id")] = None
    metadata: Annotated[dict[str, JsonValue] | None, Field(description="anything you want to find again")] = None
    dry_run: Annotated[bool, Field(description="check and estimate, and send nothing")] = False


@dataclass(frozen=True)
class Order:
    """What is to be sent, and what is kept of it."""

    name: str  # of the source
    source: Source
    path: CreatePath
    body: dict[str, Any]
    key: str | None
    cost: Cost | None
    external_id: str | None
    metadata: dict[str, Any]


def read_order(name: str, source: Source, wanted: GenerateIn, key: str | None) -> Order:
    """What is wanted as an order that may be sent. Raises ProblemError: 409 and 422."""
    provider = PROVIDERS[source.provider]
    product = wanted.product or next(iter(provider.PRODUCTS), "")
    if product not in provider.PRODUCTS:
        known = ", ".join(provider.PRODUCTS)
        raise ProblemError(422, "unknown_product", f"The products of {source.provider}: {known}.")
    creation = _creation(provider.PRODUCTS[product], wanted)
    if GENERATE in (wanted.metadata or {}):
        raise ProblemError(422, "bad_order", f"metadata.{GENERATE}: is where the request is kept; take another name.")
    try:
        check_name(wanted.external_id or "-", "external_id")
    except NotUnderstoodError as exc:
        raise ProblemError(422, exc.reason, "Ids are 1 to 512 printable characters.") from None
    if source.api_key is None:
        raise ProblemError(409, "no_api_key", "The source has no api_key, so nothing can be ordered with it.")
    path = provider.CREATE_PATHS[creation.PATH]
    if key is not None and not path.is_idempotent:
        detail = f"{source.provider} takes no Idempotency-Key here: a repeated order would be a second one."
        raise ProblemError(422, "idempotency_not_supported", detail)
    if key is not None and not _KEY.fullmatch(key):
        raise ProblemError(422, "bad_idempotency_key", "A key is 1 to 255 visible ASCII characters.")
    body = creation.request()
    metadata = {**(wanted.metadata or {}), **kept(body, path.callback_field, product=product)}
    given = key or (token_hex(16) if path.is_idempotent else None)
    return Order(name, source, path, body, given, creation.cost(), wanted.external_id, metadata)


def _creation(product: type[Creation], wanted: GenerateIn) -> Creation:
    parameters = wanted.parameters if wanted.prompt is None else product.from_prompt(wanted.prompt, wanted.parameters)
    try:
        return product.model_validate(parameters)
    except ValidationError as exc:
        whole = "; ".join(error["msg"] for error in exc.errors(include_input=False) if not error["loc"])
        detail = "; ".join(filter(None, (complaints(exc), whole)))
        raise ProblemError(422, "bad_parameters", detail) from None
