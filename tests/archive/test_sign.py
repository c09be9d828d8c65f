"""A sample callback to try by hand."""

import json
import shlex
from datetime import timedelta
from itertools import pairwise

from archive import callback_token
from archive.documents import parse
from archive.model import Delivery, Verdict
from archive.providers import kie
from archive.sign import sample
from archive.sources import Source
from tests.doubles import START

URL = "https://storage.kie.ai/v.mp4?a=1&b='2'"


def source(**fields: object) -> Source:
    return Source.model_validate({"provider": "kie", **fields})


def test_sample__is_accepted_by_its_source() -> None:
    """The call goes to the source's own address, with its first token and signed with its first key."""
    known = source(webhook_keys=["k1", "k2"], tokens=["1" * 16, "2" * 16])
    call = sample("main", known, "http://h:1/", "t1", URL, START)
    assert f"http://h:1/webhooks/main/{'1' * 16}" == call.url
    headers = {name.lower(): value for name, value in call.headers.items()}
    delivery = Delivery("main", headers, call.body, None, START)
    assert Verdict.SIGNED_ID is kie.verify(delivery, parse(call.body), ["k1"], now=START)


def test_sample__of_an_unsigned_source() -> None:
    """Without token and key neither is in the call."""
    call = sample("main", source(allow_unsigned=True), "http://h", "t1", URL, START)
    assert ("http://h/webhooks/main", {"Content-Type": "application/json"}) == (call.url, call.headers)
    assert {"url": call.url, "headers": call.headers, "body": call.body.decode()} == call.as_dict()


def test_sample__of_a_source_that_is_called_by_minted_urls() -> None:
    """Without key and token of its own the call goes to a minted URL, good for a day."""
    bare = Source.model_validate({"provider": "kie"}, context={"mints": True})
    url = sample("main", bare, "http://h", "t1", URL, START, ["k" * 32, "o" * 32]).url
    token = url.removeprefix("http://h/webhooks/main/")
    assert 32 == len(callback_token.read(token, "main", ["k" * 32], now=START + timedelta(hours=23)))
    for other in (source(webhook_keys=["k"]), source(allow_unsigned=True)):
        assert "http://h/webhooks/main" == sample("main", other, "http://h", "t1", URL, START, ["k" * 32]).url


def test_as_curl__survives_the_shell() -> None:
    """What a shell makes of the command is the request, quotes in ids and links included."""
    call = sample("main", source(webhook_keys=["k"]), "http://h", "it's $HOME `x`", URL, START)
    words = shlex.split(call.as_curl().replace("\\\n", ""))
    assert ["curl", "-sS", "-X", "POST", call.url] == words[:5]
    headers = dict(word.split(": ", 1) for flag, word in pairwise(words) if flag == "-H")
    assert call.headers == headers
    assert json.loads(call.body) == json.loads(words[-1])
