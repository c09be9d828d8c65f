"""Reading our notifications: the published vectors, rotation, and whatever a stranger may send."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import standardwebhooks.webhooks
from hypothesis import example, given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook

from reelkeep.notifications import Message, NotificationError, read, verify

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
OLD, NEW = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "whsec_ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8="
TOLD: dict[str, Any] = {
    "type": "asset.archived",
    "timestamp": "2026-11-21T11:59:00.250Z",
    "data": {"id": "a1", "content": {"url": "https://canary"}},
}

# Published: the Standard Webhooks specification, Kling's documentation, Svix's example. The last two are computed with
# two keys, once for each signature of the rotation.
ROTATED = (
    "msg_test0001", 1764621945,
    b'{"id":"pred0001","status":"succeeded","output":["https://replicate.delivery/x/out.mp4"]}',
    "v1,IfgSqoamFzLVr7TrohyCL3Ds0LWrAUaXEanN34ED5ZI= v1,Iz/sX/CEWwsEEJ8PiRK/GJbY+1gOOBO7kkE2+qmn9HY=",
)  # fmt: skip
VECTORS = [
    ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}',
     "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
    ("whsec_dGVzdHNlY3JldHRlc3RzZWNyZXR0ZXN0c2VjcmV0MTI=", "9876543210", 1781080794,
     b'{"id":"1234567890","status":"succeeded","message":"","create_time":1781080778802,"update_time":1781080794151}',
     "v1,UsKlJP00XoQyOn410NM9xv34sP+Gl0jnOO9Lcpr7NJ4="),
    ("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD", "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk", 1649367553,
     b'{"email":"test@example.com","username":"test_user"}', "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw="),
    (OLD, *ROTATED),
    (NEW, *ROTATED),
]  # fmt: skip


def at(monkeypatch: pytest.MonkeyPatch, now: datetime) -> None:
    """The library asks the machine for the time: let it hear *now*."""

    class Then(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> "Then":
            return cls.fromtimestamp(now.timestamp(), tz)

    monkeypatch.setattr(standardwebhooks.webhooks, "datetime", Then)


def signed(body: bytes, secret: str = OLD, when: datetime = NOW, key: str = "msg_1") -> dict[str, str]:
    signature = Webhook(secret).sign(key, when, body.decode())
    return {"Webhook-Id": key, "Webhook-Timestamp": str(int(when.timestamp())), "Webhook-Signature": signature}


@pytest.fixture(autouse=True)
def today(monkeypatch: pytest.MonkeyPatch) -> None:
    at(monkeypatch, NOW)


@pytest.mark.parametrize(("secret", "key", "timestamp", "body", "signature"), VECTORS)
def test_verify__published_vectors(
    monkeypatch: pytest.MonkeyPatch, secret: str, key: str, timestamp: int, body: bytes, signature: str
) -> None:
    """What others published as authentic is, and is not once its body, id, time or key is another."""
    at(monkeypatch, datetime.fromtimestamp(timestamp, UTC))
    told = {"webhook-id": key, "webhook-timestamp": str(timestamp), "webhook-signature": signature}
    assert key == verify(body, told, [secret])
    other = "whsec_" + "A" * 32
    forged = [
        (body + b" ", told, [secret]), (body, told | {"webhook-id": "x"}, [secret]), (body, told, [other]),
        (body, told | {"webhook-timestamp": str(timestamp + 1)}, [secret]),
    ]  # fmt: skip
    for attempt in forged:
        with pytest.raises(NotificationError) as caught:
            verify(*attempt)
        assert "signature_mismatch" == caught.value.reason


@pytest.mark.parametrize("secrets", [OLD, [OLD], [NEW, OLD], (OLD, NEW)])
def test_read__with_any_live_secret(secrets: Any) -> None:
    """Any one of several secrets may have signed; the message has its id, type, instant and data."""
    body = json.dumps(TOLD).encode()
    message = read(body, signed(body), secrets)
    happened = datetime(2026, 11, 21, 11, 59, 0, 250_000, UTC)
    assert Message("msg_1", "asset.archived", happened, TOLD["data"]) == message
    assert "canary" not in repr(message)


@pytest.mark.parametrize("minutes", [-6, 6])
def test_read__stale(minutes: int) -> None:
    """A message that was recorded, or comes from a clock that is wrong, is refused as such."""
    body = json.dumps(TOLD).encode()
    with pytest.raises(NotificationError, match="timestamp_stale"):
        read(body, signed(body, when=NOW + timedelta(minutes=minutes)), OLD)


@pytest.mark.parametrize("missing", ["Webhook-Id", "Webhook-Timestamp", "Webhook-Signature"])
def test_read__headers_missing(missing: str) -> None:
    """A request without the three headers, or with an empty one, is none of ours."""
    body = json.dumps(TOLD).encode()
    headers = signed(body)
    for told in (headers | {missing: ""}, {name: value for name, value in headers.items() if name != missing}):
        with pytest.raises(NotificationError, match="headers_missing"):
            read(body, told, OLD)


@pytest.mark.parametrize("secrets", [[], "", ["whsec_"], ["whsec_é"], [OLD, ""], "x", ["!"]])
def test_read__a_secret_that_is_none(secrets: Any) -> None:
    """A secret that cannot be one is told whatever came, and does not wait for the day it is needed."""
    body = json.dumps(TOLD).encode()
    with pytest.raises(NotificationError, match="secret_unusable") as caught:
        read(body, signed(body), secrets)
    assert OLD not in str(caught.value)


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"null", b"{", b"[" * 100_000, b"{}", json.dumps(TOLD | {"timestamp": "soon"}).encode(),
     json.dumps(TOLD | {"timestamp": 5}).encode(), json.dumps(TOLD | {"type": 5}).encode(),
     json.dumps(TOLD | {"data": []}).encode()],
)  # fmt: skip
def test_read__authentic_but_not_ours(body: bytes) -> None:
    """What is signed and is no notification is the same typed error."""
    with pytest.raises(NotificationError, match="not_understood"):
        read(body, signed(body), OLD)


texts = st.text(st.characters(exclude_categories=()), max_size=80)
words = st.sampled_from(["v1", "v1,", "v1,a", "v2,x", "v1a,x", ",", "", "v1,é", "v1,====", "v1,\ud800", "v1,x,y"])
signatures = st.lists(words, max_size=4).map(" ".join) | texts
instants = (
    st.sampled_from(["nan", "inf", "-inf", "1e400", "0x1", "", " 1", "\ud800", str(int(NOW.timestamp()))]) | texts
)


@given(st.binary(max_size=60) | st.just(json.dumps(TOLD).encode()), texts, instants, signatures)
@example(b"\xff", "msg_1", str(int(NOW.timestamp())), "v1,AAAA")
@example(b"{}", "\ud800", str(int(NOW.timestamp())), "v1,AAAA")
@example(b"{}", "msg_1", str(int(NOW.timestamp())), "v1")
@example(b"{}", "msg_1", str(int(NOW.timestamp())), "v1,A")
def test_read__of_anything(body: bytes, key: str, timestamp: str, signature: str) -> None:
    """Whatever a stranger sends, in body and headers, ends in the one typed error with a reason."""
    headers = {"webhook-id": key, "webhook-timestamp": timestamp, "webhook-signature": signature}
    with pytest.MonkeyPatch.context() as patch:
        at(patch, NOW)
        with pytest.raises(NotificationError) as caught:
            read(body, headers, [OLD, NEW])
    assert caught.value.reason in {"headers_missing", "headers_malformed", "timestamp_stale", "signature_mismatch"}


def test_read__a_good_signature_among_bad_ones() -> None:
    """Signatures of other versions and keys stand in nobody's way."""
    body = json.dumps(TOLD).encode()
    headers = signed(body)
    headers["Webhook-Signature"] = f"v1a,AAAA v1,AAAA {headers['Webhook-Signature']}"
    assert "msg_1" == read(body, headers, [NEW, OLD]).id
