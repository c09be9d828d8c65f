"""What S3 and the network say when something is wrong, through the real client: one object or none (F66 to F72)."""

import hashlib
from collections.abc import Iterator
from io import BytesIO

import pytest

from archive.errors import ObjectConflictError, ObjectHiddenError, StoreUnavailableError
from archive.ledger.claims import Intent
from archive.s3 import S3Store
from tests import servers
from tests.conformance.test_stores import BUCKET, BYTES, TEST_CREDENTIALS, Stand, new_key, s3_stand, with_versions
from tests.http_faults import CutBody, DropReply, Flip, HttpFaultProxy, RequestFault, Says, puts, says_s3
from workers.prove import prove

DIGEST = hashlib.sha256(BYTES).hexdigest()


@pytest.fixture(scope="module")
def behind() -> Iterator[tuple[HttpFaultProxy, Stand, Stand]]:
    """A store that verifies checksums: the proxy before it, what is seen through it, and past it."""
    server = servers.ministack()
    with HttpFaultProxy(server.port) as proxy:
        straight = with_versions(s3_stand(f"http://127.0.0.1:{server.port}", "minio", TEST_CREDENTIALS))
        yield proxy, s3_stand(proxy.url, "minio", TEST_CREDENTIALS), straight
    server.stop()


def put(stand: Stand, key: str) -> str | None:
    assert isinstance(stand.store, S3Store)
    return stand.store.put(BUCKET, key, BytesIO(BYTES), size=len(BYTES), sha256=DIGEST, content_type="video/mp4")


def test_reply_lost__the_clients_own_second_try_is_compared(behind: tuple[HttpFaultProxy, Stand, Stand]) -> None:
    """F67: the put took effect, its answer is lost, the SDK's second try hears 412: one version, proved ours."""
    proxy, through, straight = behind
    key, before = new_key(), len(proxy.heard)
    with proxy.playing(DropReply(on=puts(), times=1)), pytest.raises(ObjectConflictError):
        put(through, key)
    assert 2 == sum(puts()(head) for head in proxy.heard[before:])
    assert 1 == straight.versions(key)
    prove(through.store, Intent(BUCKET, key, len(BYTES), DIGEST, "video/mp4", None), None)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (says_s3("SlowDown", 503, on=puts()), "store_slow_down"),
        (says_s3("InternalError", 500, on=puts()), "store_internal_error"),
        (says_s3("InternalError", 200, on=puts()), "store_internal_error"),
        (says_s3("RequestTimeout", 400, on=puts()), "store_request_timeout"),
        (says_s3("ConditionalRequestConflict", 409, on=puts()), "store_conditional_request_conflict"),
        (says_s3("RequestTimeTooSkewed", 403, on=puts()), "store_request_time_too_skewed"),
        (says_s3("AccessDenied", 403, on=puts()), "store_access_denied"),
        (says_s3("ExpiredToken", 400, on=puts()), "store_expired_token"),
        (says_s3("NoSuchBucket", 404, on=puts()), "store_no_such_bucket"),
        (says_s3("KMS.DisabledException", 400, on=puts()), "store_k_m_s_disabled_exception"),
        (CutBody(on=puts(), at=5000), "store_unreachable"),
        (Flip(on=puts(), at=5000), None),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_refused__nothing_stands(
    behind: tuple[HttpFaultProxy, Stand, Stand], fault: RequestFault, reason: str | None
) -> None:
    """F66, F68, F71, F72: whatever goes wrong with a put is another try by S3's own word, and nothing can be read."""
    proxy, through, straight = behind
    key = new_key()
    with proxy.playing(fault), pytest.raises(StoreUnavailableError) as raised:
        put(through, key)
    assert reason in (None, raised.value.reason)
    assert 0 == straight.versions(key)
    assert put(through, key)


def test_head__refused_is_not_absent(behind: tuple[HttpFaultProxy, Stand, Stand]) -> None:
    """F72: a 403 to a look says neither that the object stands nor that it does not."""
    proxy, through, _ = behind
    with proxy.playing(Says(status=403)), pytest.raises(ObjectHiddenError):
        through.store.head(BUCKET, new_key())
