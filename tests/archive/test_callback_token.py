"""Tokens of minted callback URLs: one form, one spelling, and no way to another source or a later day."""

import base64
import re
from datetime import timedelta

import pytest

from archive.callback_token import looks_minted, mint, read
from archive.errors import VerificationError
from tests.doubles import START

KEY, OLD = "k" * 32, "o" * 32
REFERENCE = "0123456789abcdef" * 2
LATER = START + timedelta(days=7)
TOKEN = mint("ace", REFERENCE, LATER, KEY)


def test_mint__fits_into_any_url() -> None:
    """Letters, digits and one underscore behind a fixed prefix: no encoder has anything to change; it is short."""
    assert re.fullmatch("rkcb_[0-9a-f]+", TOKEN)
    assert len(TOKEN) <= 120
    assert looks_minted(TOKEN)
    assert "rkcb_" + REFERENCE + "6b0ac240" == TOKEN[:45]  # reference and expiry stand in clear, nothing else does


def test_mint__is_stable() -> None:
    """A URL handed out by this version is good in every later one."""
    assert "347f5a22d49580fd9aba3e2be60d808a8b09f007d7e57c8888bf943e5ef371dc" == TOKEN[45:]


@pytest.mark.parametrize("keys", [[KEY], [OLD, KEY], [KEY, OLD]])
def test_read__any_live_key(keys: list[str]) -> None:
    """Whichever live key signed it, the reference comes back."""
    assert REFERENCE == read(TOKEN, "ace", keys, now=START)


def test_read__ends_at_its_instant() -> None:
    """Good until the second before, over from the stated instant on."""
    assert REFERENCE == read(TOKEN, "ace", [KEY], now=LATER - timedelta(seconds=1))
    for late in (LATER, LATER + timedelta(days=9999)):
        with pytest.raises(VerificationError, match="callback_url_expired"):
            read(TOKEN, "ace", [KEY], now=late)


HOSTILE = {
    "empty": "",
    "prefix only": "rkcb_",
    "bad base64": "rkcb_!!!=" + TOKEN[10:],
    "base64 of itself": base64.urlsafe_b64encode(TOKEN.encode()).decode(),
    "cut": TOKEN[:-1],
    "cut in front": TOKEN[1:],
    "no signature": TOKEN[:45],
    "signature of zeros": TOKEN[:45] + "0" * 64,
    "extended": TOKEN + "0",
    "a line behind": TOKEN + "\n",
    "a blank before": " " + TOKEN,
    "upper case": TOKEN.upper(),
    "upper case hex": "rkcb_" + TOKEN[5:].upper(),
    "another reference": TOKEN.replace("0123", "0124", 1),
    "a later expiry": TOKEN[:37] + f"{int(TOKEN[37:45], 16) + 1:08x}" + TOKEN[45:],
    "fullwidth digits": TOKEN.translate({ord("0") + n: 0xFF10 + n for n in range(10)}),
    "a lone surrogate": TOKEN[:-1] + "\ud800",
    "NUL": "rkcb_\x00" + TOKEN[6:],
    "very long": "rkcb_" + "0" * 100_000,
    "shifted fields": "rkcb_" + TOKEN[6:] + "0",
}


@pytest.mark.parametrize("token", HOSTILE.values(), ids=HOSTILE.keys())
def test_read__what_is_not_ours(token: str) -> None:
    """Whatever is not exactly what was minted is a mismatch, before anything in it is believed."""
    for now in (START, LATER):
        with pytest.raises(VerificationError, match="token_mismatch"):
            read(token, "ace", [OLD, KEY], now=now)


@pytest.mark.parametrize(("source", "keys"), [("other", [KEY]), ("ac", [KEY]), ("ace", [OLD]), ("ace", [])])
def test_read__another_source_or_no_key_of_its(source: str, keys: list[str]) -> None:
    """A URL opens the source it was made for, with a key that is still live, and nothing else."""
    with pytest.raises(VerificationError, match="token_mismatch"):
        read(TOKEN, source, keys, now=START)
