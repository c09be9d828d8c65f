"""The published JavaScript library takes what the Python library signs, and nothing else."""

import json
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from standardwebhooks import Webhook

from tests.javascript.runner import JavaScript

# Bodies and secrets of the specification, of Kling's documentation, and of the rotation and the Gemini case.
VECTORS = {
    "specification": ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", '{"test": 2432232314}'),
    "kling": (
        "whsec_dGVzdHNlY3JldHRlc3RzZWNyZXR0ZXN0c2VjcmV0MTI=",
        "9876543210",
        '{"id":"1234567890","status":"succeeded","message":"","create_time":1781080778802,"update_time":1781080794151}',
    ),
    "svix": (
        "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
        "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk",
        '{"email":"test@example.com","username":"test_user"}',
    ),
    "gemini": (
        "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
        "msg_test0002",
        '{"type":"video.generated","version":"v1","timestamp":"2026-01-22T12:00:00Z",'  # noqa: ISC004
        '"data":{"id":"op-0001","output_file_uri":"gs://b/o.mp4","file_name":"files/abc"}}',
    ),
}
CURRENT = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
PREVIOUS = "whsec_ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8="
BODY = '{"type":"asset.archived","data":{"id":"ä"}}'


def signed(body: str, *secrets: str, message_id: str = "msg_1", at: float | None = None) -> dict[str, str]:
    """The three headers, signed by the Python library with each of *secrets*."""
    now = datetime.fromtimestamp(int(at or time.time()), UTC)
    values = [Webhook(secret).sign(message_id, now, body) for secret in secrets]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(values),
    }


@pytest.mark.parametrize("name", VECTORS)
def test_verify__vectors(javascript: JavaScript, name: str) -> None:
    """What one language signs the other verifies, and says which type it is."""
    secret, message_id, body = VECTORS[name]
    headers = signed(body, secret, message_id=message_id)
    assert json.loads(body).get("type", "no type") == javascript.verify(body.encode(), headers, [secret])


def test_vectors__are_the_published_ones() -> None:
    """The vectors are copied right: at their own time they have the signature that the specification states."""
    secret, message_id, body = VECTORS["specification"]
    assert "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=" == Webhook(secret).sign(
        message_id, datetime.fromtimestamp(1614265330, UTC), body
    )


def test_verify__refused(javascript: JavaScript) -> None:
    """A wrong secret, an altered body, another id and an old signature are each refused."""
    headers = signed(BODY, CURRENT)
    assert "asset.archived" == javascript.verify(BODY.encode(), headers, [CURRENT])
    assert javascript.verify(BODY.encode(), headers, [PREVIOUS]) is None
    assert javascript.verify(BODY.replace("ä", "b").encode(), headers, [CURRENT]) is None
    assert javascript.verify(BODY.encode(), headers | {"webhook-id": "msg_2"}, [CURRENT]) is None
    assert javascript.verify(BODY.encode(), signed(BODY, CURRENT, at=time.time() - 301), [CURRENT]) is None


def test_verify__rotation(javascript: JavaScript) -> None:
    """Signed with two secrets, a body is verified by either alone; one that knows both takes a signature of either."""
    both = signed(BODY, PREVIOUS, CURRENT)
    for secret in (PREVIOUS, CURRENT):
        assert "asset.archived" == javascript.verify(BODY.encode(), both, [secret])
        assert "asset.archived" == javascript.verify(BODY.encode(), signed(BODY, secret), [PREVIOUS, CURRENT])


def test_lock__names_no_registry() -> None:
    """The lock file holds digests and no address, so that it can be installed from any mirror."""
    lock = (Path(__file__).parent / "package-lock.json").read_text()
    assert "://" not in lock
    packages = [package for name, package in json.loads(lock)["packages"].items() if name]
    assert len(packages) >= 3
    assert all(package["integrity"].startswith("sha512-") for package in packages)
