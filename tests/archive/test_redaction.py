"""What is taken out of a body before anybody sees it."""

import html
import json
import time
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable
from datetime import timedelta
from urllib.parse import quote

import pytest

from archive.callback_token import mint
from archive.redaction import LAYERS, _layers, redact
from tests.doubles import START

MINTED = mint("ace", "ab" * 16, START + timedelta(days=1), "k" * 32)
STATIC = 'st/at+ic&t=k%n"\\é😀'  # every character that some encoder changes


def escaped(text: str) -> str:
    """Every character as \\uXXXX, as some encoders write all that is not a letter, and a few write everything."""
    units = text.encode("utf-16-be").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


def every_byte(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode())


SPELLINGS: dict[str, Callable[[str], str]] = {
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
    "percent-encoded, every byte": every_byte,
    "percent-encoded, in JSON": lambda s: json.dumps(json.dumps(quote(s, safe="/"))),
    "everything escaped, percent-encoded": lambda s: quote(escaped(s), safe=""),
    "everything escaped, percent-encoded twice": lambda s: quote(quote(escaped(s), safe=""), safe=""),
    "percent-encoded, everything escaped": lambda s: escaped(quote(s, safe="")),
    "everything escaped, everything escaped": lambda s: escaped(escaped(s)),
    "base64": lambda s: b64encode(s.encode()).decode(),
    "base64, behind something": lambda s: b64encode(f"u{s}".encode()).decode(),
    "base64, between other things": lambda s: b64encode(f"https://h/{s}\n".encode()).decode()[12:],
    "base64 for URLs": lambda s: urlsafe_b64encode(s.encode()).decode(),
    "base64, in a URL": lambda s: quote(b64encode(s.encode()).decode(), safe=""),
    "HTML": html.escape,
    "HTML in HTML": lambda s: html.escape(html.escape(s)),
    "HTML, decimal": lambda s: "".join(f"&#{ord(c)};" for c in s),
    "HTML, hexadecimal": lambda s: "".join(f"&#x{ord(c):04X};" for c in s),
    "HTML, by names": lambda s: s.replace("&", "&amp;").replace("=", "&equals;").replace("/", "&sol;"),
    "HTML, in JSON": lambda s: json.dumps(html.escape(s)),
    "hexadecimal escapes": lambda s: "".join(f"\\x{byte:02x}" for byte in s.encode()),
    "every byte percent-encoded, twice": lambda s: every_byte(every_byte(s)),
    "every byte, everything escaped, every byte": lambda s: every_byte(escaped(every_byte(s))),
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


LINKS = {
    "slashes escaped": r"https:\u002f\u002fh.example\u002fa?sig=SECRET",
    "colon escaped": r"https\u003a//h.example/a?sig=SECRET",
    "question mark behind a backslash": r"https://h.example/a\?sig=SECRET",
    "question mark escaped": r"https://h.example/a\u003fsig=SECRET",
    "percent-encoded": "https%3A%2F%2Fh.example%2Fa.mp4%3FX-Amz-Signature%3DSECRET",
    "percent-encoded twice": "https%253A%252F%252Fh.example%252Fa.mp4%253FX-Amz-Signature%253DSECRET",
    "percent-encoded in the path of another": "https://p.example/get/https%3A%2F%2Fh.example%2Fa%3Fsig%3DSECRET",
    "everything escaped": escaped("https://h.example/a?sig=SECRET"),
    "an apostrophe": "https://h.example/a?x='SECRET'",
    "a space, encoded": "https://h.example/my%20film\\u003fx=a%20SECRET",
    "a quotation mark, encoded": "https%3A%2F%2Fh.example%2Fa%3Fx%3D%2522SECRET",
    "HTML": "https:&#x2F;&sol;h.example/a&quest;x&#61;1&amp;sig&equals;SECRET",
    "a user": "https%3A%2F%2Fu:SECRET@h.example%2Fa",
    "no scheme": "//h.example/a?sig=SECRET",
}


@pytest.mark.parametrize("link", LINKS.values(), ids=LINKS.keys())
def test_redact__what_is_signed_in_a_link(link: str) -> None:
    """A link loses what stands behind its path and before its host, however it is escaped."""
    shown = redact(f'{{"u": "{link}", "after": 2}}', [])
    assert "SECRET" not in shown
    assert shown.endswith('", "after": 2}')


def test_redact__nested_links_leave_json() -> None:
    """What is shown of JSON in JSON is still JSON."""
    inner = json.dumps({"u": "https://h.example/a?sig=SECRET", "v": "https://h.example/b"}).replace("/", "\\/")
    shown = json.loads(json.loads(redact(json.dumps({"param": inner}), []))["param"])
    assert {"u": "https://h.example/a?[redacted]", "v": "https://h.example/b"} == shown


@pytest.mark.parametrize("before", ["%", "%2", "\\", "\\u", "\\u00", "%25"])
def test_redact__behind_half_an_escape(before: str) -> None:
    """What stands before a secret does not swallow its beginning."""
    assert "0123abcd" not in redact(f"{before}0123abcd", ["0123abcd"])


def test_redact__a_secret_that_looks_escaped() -> None:
    """A secret may hold what would be an escape elsewhere."""
    secret = r"a%41b\u0063-%25-longer"
    assert "[secret] [secret]" == redact(f"{secret} {quote(secret, safe='')}", [secret])


def test_redact__not_what_is_too_short() -> None:
    """A key of a few letters would take words apart, and hide nothing."""
    assert "a key, seven77" == redact("a key, seven77", ["k", "key", "seven77"])


@pytest.mark.parametrize("encoded", ["terces-terces", "secret-\nsecret", "c2Vj\ncmV0LXNlY3JldA=="])
def test_redact__not_in_other_spellings(encoded: str) -> None:
    """What is reversed or in pieces is not found; nobody should believe more."""
    assert encoded == redact(encoded, ["secret-secret"])


def test_redact__html_leaves_what_means_nothing() -> None:
    """What only looks like an entity, or is no character, is no way to hide a secret behind it."""
    for before in ("&nothing;", "&#x110000;", "&#xd800;", "&#0;", "&#9999999;", "&;", "&#;", "&amp", "&amp;amp;"):
        assert f"{before}[secret]" == redact(f"{before}secret-secret", ["secret-secret"])


HUGE = {
    "letters": lambda n: "a" * n,
    "backslashes": lambda n: "\\" * n,
    "runs of backslashes": lambda n: ("\\" * 63 + "w") * (n // 64),
    "percents": lambda n: "%25" * (n // 3),
    "beginnings": lambda n: "rkcb_" * (n // 5),
    "schemes": lambda n: "https://" * (n // 8),
    "queries": lambda n: "https://h?" * (n // 10),
    "users": lambda n: "https://" + "a@" * (n // 2),
    "one link": lambda n: "https://" + "a" * n,
    "backslashes in a link": lambda n: "https://h" + ("\\" * 62 + "/") * (n // 63),
    "entities": lambda n: "&#37;" * (n // 5),
    "entities of entities": lambda n: "&" + "amp;" * (n // 4),
    "beginnings of entities": lambda n: "&#x0" * (n // 4),
    "a long entity": lambda n: "&#" + "0" * n,
    "base64 of beginnings": lambda n: "cmtjYl8" * (n // 7),
    "escapes": lambda n: "%61" * (n // 3),
    "an escape in an escape in an escape": lambda n: "%2" + "%3" * (n // 2) + "5",
}
HARD = [STATIC, "k" * 43, "a" * 32, "\\" * 4 + "weird", "\\" * 16, "%%25%25aa"]


@pytest.mark.parametrize("make", HUGE.values(), ids=HUGE.keys())
def test_redact__takes_its_time_from_the_length_alone(make: Callable[[int], str]) -> None:
    """Eight times the text, of whatever it is made, takes about eight times as long, not sixty-four."""

    def cost(size: int) -> float:
        text = make(size)
        runs = []
        for _ in range(3):
            started = time.process_time()
            redact(text, HARD)
            runs.append(time.process_time() - started)
        return min(runs)

    assert cost(2**18) < 32 * cost(2**15)


def test_layers__are_bounded() -> None:
    """Escapes that make escapes do not choose how often a text is read."""
    assert LAYERS + 1 == len(list(_layers(b"%2" + b"%3" * 1000 + b"5")))
