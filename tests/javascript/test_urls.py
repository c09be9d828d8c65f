"""The one reading of foreign URLs beside a browser's: Node.js parses as the WHATWG says, over everything generated."""

import json
import random
import re
import shutil
import subprocess
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

import pytest

from archive.errors import LinkRefusedError
from archive.urls import DEFAULT_PORTS, WebUrl, read_url
from tests.hostile_urls import hostile_urls, legitimate_urls
from tests.javascript.runner import INSTALL

_PROGRAM = """
const read = text => { try {
  const u = new URL(text); return [u.protocol, u.hostname, u.port, u.username + u.password, u.pathname, u.search]
} catch { return null } }
console.log(JSON.stringify(JSON.parse(require("fs").readFileSync(0)).map(read)))
"""
# Scripts whose letters are old and written from left to right: Unicode's tables differ in age from runtime to runtime.
_SCRIPTS = ((0xA0, 0x24F), (0x370, 0x530), (0x3040, 0x3100), (0x4E00, 0x4F00), (0x1F600, 0x1F640))
_LETTERS = [number for first, end in _SCRIPTS for number in range(first, end)]
_OTHERS = [0xAD, 0x200B, 0x200C, 0x200D, 0x301, 0x94D, 0x915, 0x3002, 0xFF0E, 0xFF11, 0x2460, 0x2F868, 0xE000, 0xFFFD]
_OLD = {*_LETTERS, *_OTHERS}


class Browser(NamedTuple):
    protocol: str
    host: str
    port: str
    user: str
    path: str
    query: str


def browser(urls: Sequence[str]) -> list[Browser | None]:
    """How a browser reads each of *urls*, None where it fails."""
    if shutil.which("node") is None:
        pytest.skip(f"NOT TESTED: URLs are read as browsers read them: node not installed: {INSTALL}")
    command = ["node", "-e", _PROGRAM]
    done = subprocess.run(command, input=json.dumps(urls), capture_output=True, text=True, timeout=30, check=True)
    return [Browser(*found) if found else None for found in json.loads(done.stdout)]


def ours(url: str) -> WebUrl | None:
    try:
        return read_url(url)
    except LinkRefusedError:
        return None


def labels() -> list[str]:
    """Labels in punycode, the same ones each time: of letters and what may not stand beside them, and of nothing."""
    chosen = random.Random(55)
    made: list[str] = []
    for _ in range(4000):
        kinds = chosen.choices((_LETTERS, _OTHERS), (9, 1), k=chosen.randint(1, 5))
        text = "".join([chr(chosen.choice(kind)) for kind in kinds] + chosen.choices("az09-", k=chosen.randint(0, 3)))
        forms = (text, unicodedata.normalize("NFKC", text).lower())
        made += ["xn--" + form.encode("punycode").decode().lower() for form in forms]
    made += ["xn--" + "".join(chosen.choices("abcz0189", k=chosen.randint(0, 9))) for _ in range(4000)]
    return [label for label in made if re.fullmatch("[a-z0-9_-]{1,63}", label)]


def test_read_url__as_a_browser() -> None:
    """F54, F55, F56: what a browser cannot parse is refused, and what is read has the host, port and path it sees."""
    urls = [url for url in hostile_urls() + legitimate_urls() if url.isascii()]
    refused = 0
    for url, theirs in zip(urls, browser(urls), strict=True):
        read = ours(url)
        if theirs is None:
            refused += 1
            assert read is None, url
        if theirs is None or read is None:
            continue
        port = theirs.port or str(DEFAULT_PORTS[read.scheme])
        host = f"[{read.host}]" if ":" in read.host else read.host
        assert (f"{read.scheme}:", host, str(read.port)) == (theirs.protocol, theirs.host.rstrip("."), port), url
        assert not theirs.user
        path, _, query = read.target.partition("?")
        assert query == theirs.query.removeprefix("?"), url
        if not re.search(r"/\.\.?(/|$)", path):  # dot segments are sent as given: they may be signed
            assert path.replace("%5E", "^") == theirs.path.replace("%5E", "^"), url  # escaped in younger browsers only
    assert refused > 1000


def test_read_url__internationalised_names_as_a_browser() -> None:
    """F55: of thousands of labels in punycode the same ones are valid as in a browser, where it knows their letters."""
    made = [label for label in labels() if not old_rules_take(label)]
    theirs = browser([f"https://{label}.example/" for label in made])
    taken = {label for label, found in zip(made, theirs, strict=True) if found}
    assert len(taken) > 1000
    differ = {label for label in made if (ours(f"https://{label}.example/") is not None) is not (label in taken)}
    assert set() == {label for label in differ if is_old(label)}


def old_rules_take(label: str) -> bool:
    """All ASCII, or written longer than need be: browsers took both until Unicode 15.1, and some still do."""
    try:
        meant = label.removeprefix("xn--").encode().decode("punycode")
    except UnicodeError:
        return False
    return meant.isascii() or meant.encode("punycode").decode() != label.removeprefix("xn--")


def is_old(label: str) -> bool:
    """Whether all that *label* may stand for are left-to-right letters of any Unicode version still in use."""
    try:
        meant = label.removeprefix("xn--").encode().decode("punycode")
    except UnicodeError:
        return True
    return all(ord(character) < 0x80 or ord(character) in _OLD for character in meant)
