"""The upstream's `content`, a list of texts and images, as its resellers document it. Pure."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from archive.creation import Creation, Parameters
from archive.providers.parameters import Url


class Address(Parameters):
    url: Url


class Text(Parameters):
    type: Literal["text"]
    text: str = Field(min_length=1)


class Image(Parameters):
    """`role` says what the image is for; without one it is the first frame."""

    type: Literal["image_url"]
    image_url: Address
    role: Literal["first_frame", "last_frame", "reference_image"] | None = None


Entry = Annotated[Text | Image, Field(discriminator="type")]


class ContentCreation(Creation):
    """A product whose prompt is a text in `content`."""

    content: list[Entry] = Field(min_length=1)

    @classmethod
    def from_prompt(cls, prompt: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """The prompt goes before the images; a text that is there already gives way."""
        content = parameters.get("content", [])
        if not isinstance(content, list):
            return dict(parameters)  # it is refused for that
        rest = [entry for entry in content if not (isinstance(entry, dict) and entry.get("type") == "text")]
        return {**parameters, "content": [{"type": "text", "text": prompt}, *rest]}
