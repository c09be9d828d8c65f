"""
Take secrets out of text that a stranger wrote: ours, and what is signed in its links.

A provider may echo the callback URL (KIE does), and what it echoes may stand in JSON, in JSON within JSON and in
another URL's query, each with escapes of its own. So every character of a secret is sought in every spelling. All
repetitions are bounded: the text is a stranger's, and must not choose how long we search.
"""

import re
from collections.abc import Iterable
from functools import lru_cache

from archive.callback_token import PREFIX

_SLASHES = r"\\\\{0,62}"  # JSON doubles them at each nesting: five levels deep there are 31
_FIRST_SLASHES = r"\\(?<!\\\\)\\{0,62}"  # where a secret may begin, a run is tried once, from its first
_PERCENT = "%(?:25){0,4}"
_LINK = re.compile(
    r"""([a-z][a-z0-9+.-]{0,30}:(?:\\{0,63}/){2})((?:[^\s"'\\<>]|\\{1,63}(?:/|u[0-9a-f]{4}))+)""", re.IGNORECASE
)
_USER = re.compile(r"\A[^/\\]*@")
_BEHIND_PATH = re.compile(r"(?:[?#]|\\+u00(?:3f|23)).*", re.IGNORECASE | re.DOTALL)


def redact(text: str, secrets: Iterable[str]) -> str:
    """*text* with links cut behind their path, and without *secrets* and minted tokens, however they are spelled."""
    text = _MINTED.sub("[secret]", text)
    for secret in secrets:
        text = _spelled(secret).sub("[secret]", text)
    return _LINK.sub(_cut, text)


@lru_cache(maxsize=256)
def _spelled(secret: str) -> re.Pattern[str]:
    return re.compile(_spelling(secret), re.IGNORECASE)


def _spelling(text: str) -> str:
    return _character(text[0], _FIRST_SLASHES) + "".join(_character(one, _SLASHES) for one in text[1:])


def _character(one: str, slashes: str) -> str:
    """A character as it is, behind backslashes, as JSON's escape, and percent-encoded."""
    units = one.encode("utf-16-be", "surrogatepass").hex()
    json = slashes + "u" + f"{_SLASHES}u".join(units[at : at + 4] for at in range(0, len(units), 4))
    url = "".join(f"{_PERCENT}{byte:02x}" for byte in one.encode("utf-8", "surrogatepass"))
    return f"(?:{re.escape(one)}|{slashes}{re.escape(one)}|{json}|{url})"


# A token cut short goes, too: what is left of its signature would help to guess the rest.
_HEX = rf"(?:[0-9a-f]|{_SLASHES}u00[346][0-9a-f]|{_PERCENT}[346][0-9a-f])"
_MINTED = re.compile(_spelling(PREFIX) + _HEX + "{0,200}", re.IGNORECASE)


def _cut(link: re.Match[str]) -> str:
    scheme, rest = link.groups()
    return scheme + _BEHIND_PATH.sub("?[redacted]", _USER.sub("[redacted]@", rest))
