"""Tokens of probes: good for minutes, for probes alone, and only as they were made."""

from datetime import datetime, timedelta

import pytest

from archive import callback_token
from archive.doctor.token import LIFE, SKEW, TAIL, mint, read
from archive.errors import VerificationError
from tests.doubles import START

KEY, OLD = "k" * 32, "o" * 32
NONCE = "0123456789abcdef" * 2
TOKEN = mint(NONCE, START, KEY)


@pytest.mark.parametrize("keys", [[KEY], [OLD, KEY], [KEY, OLD]])
@pytest.mark.parametrize("tail", ["", TAIL, "~", "~aa.zz-_A"])
def test_read__any_live_key_and_tail(keys: list[str], tail: str) -> None:
    """Whichever live key signed it is told, and no change of the tail closes the door."""
    assert (NONCE, KEY) == read(TOKEN + tail, keys, now=START)


@pytest.mark.parametrize("now", [START - SKEW, START + LIFE + SKEW])
def test_read__clocks_may_differ(now: datetime) -> None:
    """A receiver whose clock is ten minutes behind or ahead still answers, so that the difference is seen."""
    assert (NONCE, KEY) == read(TOKEN, [KEY], now=now)


@pytest.mark.parametrize("now", [START - SKEW - timedelta(seconds=1), START + LIFE + SKEW + timedelta(seconds=1)])
def test_read__not_for_longer(now: datetime) -> None:
    """Beyond that it is over, and one that were good for longer than any probe is refused."""
    with pytest.raises(VerificationError, match="probe_expired"):
        read(TOKEN, [KEY], now=now)


@pytest.mark.parametrize(
    "token",
    ["", "rkpb_", TOKEN[:-1], TOKEN + "0", TOKEN + "x~", TOKEN.upper(), TOKEN + "\n", TOKEN + "~" + "a" * 41,
     TOKEN.replace("0123", "0124", 1), TOKEN[:37] + f"{int(TOKEN[37:45], 16) + 1:08x}" + TOKEN[45:],
     TOKEN[:45] + "0" * 64, TOKEN.translate({ord("0") + n: 0xFF10 + n for n in range(10)}), "rkpb_\ud800"],
)  # fmt: skip
def test_read__what_is_not_ours(token: str) -> None:
    """Whatever is not exactly what was minted is a mismatch."""
    with pytest.raises(VerificationError, match="token_mismatch"):
        read(token, [OLD, KEY], now=START)


@pytest.mark.parametrize("keys", [[OLD], []])
def test_read__no_key_of_its(keys: list[str]) -> None:
    """Without the key that signed it nothing opens, and without any key nothing at all."""
    with pytest.raises(VerificationError, match="token_mismatch"):
        read(TOKEN, keys, now=START)


def test_families__open_nothing_of_each_other() -> None:
    """A probe's token opens no source, a callback URL's no probe, whatever prefix it is given."""
    for token in (TOKEN, TOKEN.replace("rkpb_", "rkcb_")):
        for source in ("-", "probe", ""):
            with pytest.raises(VerificationError, match="token_mismatch"):
                callback_token.read(token, source, [KEY], now=START)
    minted = callback_token.mint("-", NONCE, START + LIFE, KEY)
    for token in (minted, minted.replace("rkcb_", "rkpb_")):
        with pytest.raises(VerificationError, match="token_mismatch"):
            read(token, [KEY], now=START)
