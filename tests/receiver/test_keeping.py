"""What is kept of a request."""

import hashlib
import json

from receiver.keeping import MAX_DEPTH, MAX_TEXT, MAX_WHOLE, kept


def test_kept__is_the_request_without_its_callback_url() -> None:
    """All that was asked for, as it was, and nothing of the secret in the URL."""
    asked = {"prompt": "p", "n": [1, None, {"x": 1.5}], "callBackUrl": "https://h.example/rkcb_secret"}
    whole = {"product": "seedance", "request": {"prompt": "p", "n": [1, None, {"x": 1.5}]}}
    assert {"generate": whole} == kept(asked, "callBackUrl", product="seedance")
    assert {"generate": {"proxy": "/x", "request": None}} == kept(None, "callBackUrl", proxy="/x")


def test_kept__of_a_picture_only_what_tells_it_apart() -> None:
    """A prompt of any length a provider takes stays whole; of a picture in base64 its head, length and digest."""
    prompt, picture = "p" * MAX_TEXT, "data:image/png;base64," + "A" * (1 << 20)
    found = kept({"prompt": prompt, "images": [picture], "by": {"name": picture}}, None)["generate"]["request"]
    assert prompt == found["prompt"]
    assert found["images"] == [found["by"]["name"]]
    digest = hashlib.sha256(picture.encode()).hexdigest()
    assert f"{picture[:64]}… ({len(picture)} characters, SHA-256 {digest})" == found["images"][0]
    assert len(json.dumps(kept({"lone": "\ud800" * (MAX_TEXT + 1)}, None))) < 1000


def test_kept__of_any_depth() -> None:
    """Nesting that nobody means is cut off, so that whoever reads the task again can."""
    nested: object = 1
    for _ in range(900):
        nested = {"a": [nested]}
    found = json.dumps(kept({"prompt": "p", "x": nested}, None), ensure_ascii=False)
    assert '"prompt": "p"' in found
    assert "…" in found
    assert MAX_DEPTH >= found.count("{") - 2


def test_kept__of_very_many_small_things() -> None:
    """A request that is long without any long text is named, not carried along in every list."""
    short, long = {"x": [1] * 1000}, {"x": [1] * MAX_WHOLE}
    assert short == kept(short, None)["generate"]["request"]
    found = kept(long, None, product="p")["generate"]
    assert "p" == found["product"]
    assert found["request"].startswith('{"x":[1,1,')
    assert len(found["request"]) < 300
