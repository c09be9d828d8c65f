"""What the suites on products share: an order refused for the field that is named, and one that is sent as it is."""

from typing import Any

import pytest
from pydantic import ValidationError

from archive.creation import Creation


def sent(product: type[Creation], parameters: dict[str, Any]) -> dict[str, Any]:
    """The body that *parameters* become."""
    return product.model_validate(parameters).request()


def assert_refused(product: type[Creation], parameters: dict[str, Any], field: str) -> None:
    """*parameters* are refused once, for *field*, by the place of the mistake or by the words about it."""
    with pytest.raises(ValidationError) as caught:
        product.model_validate(parameters)
    mistakes = caught.value.errors(include_url=False, include_context=False, include_input=False)
    assert 1 == len(mistakes)
    [mistake] = mistakes
    named = mistake["loc"][0] if mistake["loc"] else mistake["msg"].removeprefix("Value error, ").split(":")[0]
    assert field == named
