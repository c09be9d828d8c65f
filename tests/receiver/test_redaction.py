"""What is taken out of a body before anybody sees it."""

import json
import time
from datetime import timedelta
from urllib.parse import quote

import pytest

from archive.callback_token import mint
from receiver.redaction import redact
from tests.doubles import START

MINTED = mint("ace", "ab" * 16, START + timedelta(days=1), "k" * 32)
STATIC = 'st/at+ic&t=k%n"\\é😀'  # every character that some encoder changes


def escaped(text: str) -> str:
    """Every character as \\uXXXX, as some encoders write all that is not a letter, and a few write everything."""
    units = text.encode("utf-16-be").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


SPELLINGS = {
    "plain": lambda s: s,
    "JSON": lambda s: json.dumps(s)[1:-1],
    "JSON, not ASCII": lambda s: json.dumps(s, ensure_ascii=False)[1:-1],
    "JSON, slashes escaped": lambda s: json.dumps(s)[1:-1].replace("/", "\\/"),
    "JSON in JSON in JSON": lambda s: json.dumps(json.dumps(json.dumps(s).replace("/", "\\/"))),
    "JSON, everything escaped": escaped,
    "JSON, everything escaped, in JSON": lambda s: json.dumps(escaped(s)),
    "percent-encoded": lambda s: quote(s, safe=""),
    "percent-encoded, lower case": lambda s: quote(s, safe="").lower(),
    "percent-encoded twice": lambda s: quote(quote(s, safe=""), safe=""),
    "percent-encoded, every byte": lambda s: "".join(f"%{byte:02X}" for byte in s.encode()),
    "percent-encoded, in JSON": lambda s: json.dumps(json.dumps(quote(s, safe="/"))),
}


@pytest.mark.parametrize("secret", [MINTED, STATIC], ids=["minted", "static"])
@pytest.mark.parametrize("spell", SPELLINGS.values(), ids=SPELLINGS.keys())
def test_redact__in_every_spelling(secret: str, spell: object) -> None:
    """However a provider encodes what it echoes, the secret is gone and what stands around it stays."""
    assert callable(spell)
    shown = redact(f'{{"before": 1, "cb": "{spell(secret)}", "after": 2}}', [STATIC])
    assert '"before": 1' in shown
    assert '"after": 2' in shown
    assert "[secret]" in shown
    left = shown.replace("before", "").replace("after", "").replace("[secret]", "")
    assert not [part for part in (secret, secret[-12:], MINTED[-12:]) if part in left]
    assert len(left) < 40


@pytest.mark.parametrize("cut", [1, 8, 63])
def test_redact__a_minted_token_cut_short(cut: int) -> None:
    """What is left of a signature would help to guess the rest, so it goes, too."""
    assert "[secret]…" == redact(MINTED[:-cut] + "…", [])


def test_redact__leaves_what_is_no_secret() -> None:
    """Digests, ids and links stay as they are; a link loses what stands behind its path."""
    text = f'{"ab" * 32} t1 https://h.example/v/@x/1.mp4 "https://h.example/v.mp4?sig=1"'
    expected = f'{"ab" * 32} t1 https://h.example/v/@x/1.mp4 "https://h.example/v.mp4?[redacted]"'
    assert expected == redact(text, [STATIC])


HUGE = {
    "letters": "a" * 2**20,
    "backslashes": "\\" * 2**20,
    "percents": "%25" * (2**20 // 3),
    "beginnings": "rkcb_" * (2**20 // 5),
    "schemes": "https://" * 2**17,
    "one link": "https://" + "a" * 2**20,
    "backslashes in a link": "https://h" + ("\\" * 62 + "/") * 2**14,
}


@pytest.mark.parametrize("text", HUGE.values(), ids=HUGE.keys())
def test_redact__takes_its_time_from_the_length_alone(text: str) -> None:
    """The largest body, of whatever it is made, is searched in a few seconds, not in hours."""
    started = time.process_time()
    redact(text, [STATIC, "k" * 43])
    assert time.process_time() - started < 5
