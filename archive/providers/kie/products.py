"""
What can be ordered from KIE by name. Pure.

Source of the flat route: the page "Seedance API (KIE.ai)" (seed 000_431750834672cbef, read 2026-11). The market has a
table of `input` for each of its models; of a market order only the frame is checked. Runway's and Veo's pages differ
from version to version in names and values of their parameters, so these are for the proxy.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, JsonValue, model_validator

from archive.creation import Cost, Creation
from archive.providers.kie.creating import MARKET_CREATE, SEEDANCE_GENERATE
from archive.providers.parameters import AsWhole, Switch, Url, Whole, require

_LITE, _PRO, _FAST = "seedance-1-0-lite", "seedance-1-0-pro", "seedance-1-0-pro-fast"
# US dollars by seconds, as the table rounds them. Its row of 5 seconds is left out, since no order can be that short.
_LIKE_PRO = {6: Decimal("0.33"), 8: Decimal("0.44"), 10: Decimal("0.55")}
_PRICES = {_LITE: _LIKE_PRO, _PRO: _LIKE_PRO, _FAST: {6: Decimal("0.26"), 8: Decimal("0.35"), 10: Decimal("0.44")}}


class Seedance(Creation):
    """
    The flat Seedance route (seed 000, read 2026-11).

    "Pro Fast is image-only", "Lite: pure text prompts". `endImage` is shown only beside `imageUrl`, as an image "to
    transition to": alone it is refused here.
    """

    PATH: ClassVar[str] = SEEDANCE_GENERATE

    prompt: str = Field(min_length=1, max_length=1000)
    imageUrl: Url | None = None  # noqa: N815
    model: Literal["seedance-1-0-lite", "seedance-1-0-pro", "seedance-1-0-pro-fast"] | None = None
    duration: Annotated[Literal[6, 8, 10], AsWhole] | None = None
    resolution: Literal["720p", "1080p"] | None = None
    aspectRatio: Literal["16:9", "9:16", "1:1"] | None = None  # noqa: N815
    seed: Annotated[Whole, Field(ge=-1, le=99999)] | None = None
    endImage: Url | None = None  # noqa: N815
    safetyChecker: Switch | None = None  # noqa: N815

    @model_validator(mode="after")
    def _fits(self) -> "Seedance":
        require(self.imageUrl is not None or self.model != _FAST, "imageUrl", f"{_FAST} needs an image")
        require(self.imageUrl is None or self.model != _LITE, "imageUrl", f"{_LITE} makes films from text only")
        require(self.endImage is None or self.imageUrl is not None, "endImage", "needs imageUrl as well")
        return self

    def cost(self) -> Cost | None:
        """By model and duration; None where one is left to the provider, whose defaults are not documented."""
        if self.model is None or self.duration is None:
            return None
        return Cost(_PRICES[self.model][self.duration])


class Market(Creation):
    """A model of the market (docs.kie.ai, read 2026-11): its name and its own `input`, which is not looked into."""

    PATH: ClassVar[str] = MARKET_CREATE

    model: str = Field(min_length=1, max_length=200)
    input: dict[str, JsonValue] = Field(min_length=1)

    @classmethod
    def from_prompt(cls, prompt: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """The prompt is a member of `input`."""
        given = parameters.get("input", {})
        if not isinstance(given, dict):
            return dict(parameters)  # it is refused for that
        return {**parameters, "input": {**given, "prompt": prompt}}


PRODUCTS: Mapping[str, type[Creation]] = {"seedance": Seedance, "market": Market}
