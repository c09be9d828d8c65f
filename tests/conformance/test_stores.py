"""What every store promises: S3 against three servers that differ in what they check, and the double tests use."""

import base64
import hashlib
import os
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import boto3
import httpx
import pytest
from botocore.config import Config

from archive.embedded import free_port
from archive.errors import ObjectConflictError, ProofFailedError, StoreUnavailableError
from archive.ledger.claims import Intent
from archive.s3 import S3Store
from archive.settings import Store
from archive.store import ArchiveStore
from archive.tls import authorities
from tests import servers
from tests.certificates import Authority
from tests.doubles import MemoryStore, wait_for
from tests.terminator import terminator
from workers.prove import prove

BUCKET = "videos"
TEST_CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
BYTES = bytes(range(256)) * 40


@dataclass(frozen=True)
class Stand:
    """One store under test, and ways to do to it what only others do."""

    store: ArchiveStore
    overwrite: Callable[[str, bytes], None]
    versions: Callable[[str], int]
    raw: Any = None  # a plain S3 client
    folder: Path | None = None  # where a store on files keeps them
    ca_file: Path | None = None  # whom to trust, where it is reached by TLS


def s3_stand(
    url: str, dialect: str, credentials: dict[str, str], folder: Path | None = None, ca_file: Path | None = None
) -> Stand:
    told = {"bucket": BUCKET, "endpoint_url": url, "dialect": dialect, "ca_file": str(ca_file or "")}
    with servers.environment(**credentials):
        store = S3Store(Store.model_validate(told))
        plain = Config(request_checksum_calculation="when_required", s3={"addressing_style": "path"})
        verify = str(ca_file) if ca_file else None
        raw = boto3.Session(region_name="us-east-1").client("s3", endpoint_url=url, config=plain, verify=verify)

    def overwrite(key: str, data: bytes) -> None:
        if folder:
            (folder / BUCKET / key).write_bytes(data)
        else:
            raw.put_object(Bucket=BUCKET, Key=key, Body=data)

    def versions(key: str) -> int:
        if folder:
            return int((folder / BUCKET / key).exists())
        found = raw.list_object_versions(Bucket=BUCKET, Prefix=key)
        return len(found.get("Versions", [])) + len(found.get("DeleteMarkers", []))

    return Stand(store, overwrite, versions, raw, folder, ca_file)


def with_versions(stand: Stand) -> Stand:
    stand.raw.create_bucket(Bucket=BUCKET)
    stand.raw.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    return stand


@pytest.fixture(scope="module")
def stands(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Stand]]:
    """Every implementation, by name. moto stands in for a store with conditional puts that believes any checksum."""
    folder, secrets = tmp_path_factory.mktemp("store"), tmp_path_factory.mktemp("tls")
    authority = Authority()
    ca_file = secrets / "ca.pem"
    ca_file.write_bytes(authority.pem)
    with ExitStack() as stack:
        moto, ministack = servers.moto(), servers.ministack()
        rclone, found = servers.rclone(folder, BUCKET, "companion")
        for server in (moto, ministack, rclone):
            stack.callback(server.stop)
        memory = MemoryStore()
        credentials = {name: found[name] for name in TEST_CREDENTIALS}
        context = authority.server("127.0.0.1", str(secrets))

        def secured(server: servers.Server) -> str:
            return f"https://127.0.0.1:{stack.enter_context(terminator(server.port, context))}"

        yield {
            "moto": with_versions(s3_stand(f"http://127.0.0.1:{moto.port}", "r2", TEST_CREDENTIALS)),
            "ministack": with_versions(s3_stand(f"http://127.0.0.1:{ministack.port}", "aws", TEST_CREDENTIALS)),
            "rclone": s3_stand(found["S3_ENDPOINT_URL"], "rclone", credentials, folder),
            "moto by TLS": s3_stand(secured(moto), "r2", TEST_CREDENTIALS, None, ca_file),
            "ministack by TLS": s3_stand(secured(ministack), "aws", TEST_CREDENTIALS, None, ca_file),
            "rclone by TLS": s3_stand(secured(rclone), "rclone", credentials, folder, ca_file),
            "memory": Stand(
                memory,
                lambda key, data: (memory.alter(BUCKET, key, data), None)[1],
                lambda key: len(memory.objects.get((BUCKET, key), [])),
            ),
        }


WIRED = ["moto", "ministack", "rclone", "moto by TLS", "ministack by TLS", "rclone by TLS"]


@pytest.fixture(params=[*WIRED, "memory"])
def stand(request: pytest.FixtureRequest, stands: dict[str, Stand]) -> Stand:
    return stands[request.param]


@pytest.fixture(params=WIRED)
def s3(request: pytest.FixtureRequest, stands: dict[str, Stand]) -> Stand:
    """The implementations that are reached over a wire."""
    return stands[request.param]


def new_key() -> str:
    return f"assets/kie/t%2F1/video-{uuid4().hex}.mp4"


def put(
    store: ArchiveStore, key: str, data: bytes, *, sha256: str | None = None, content_type: str = "video/mp4"
) -> str | None:
    digest = sha256 or hashlib.sha256(data).hexdigest()
    return store.put(BUCKET, key, BytesIO(data), size=len(data), sha256=digest, content_type=content_type)


def browse(stand: Stand, link: str) -> httpx.Response:
    return httpx.get(link, trust_env=False, verify=authorities(stand.ca_file))


def intent(key: str, data: bytes) -> Intent:
    return Intent(BUCKET, key, len(data), hashlib.sha256(data).hexdigest(), "video/mp4", None)


def content(store: ArchiveStore, key: str, version_id: str | None = None) -> bytes:
    return b"".join(store.read(BUCKET, key, version_id))


@pytest.mark.parametrize("size", [0, 1, 20_000_000])
def test_put__what_goes_in_comes_out(stand: Stand, size: int) -> None:
    """An object of any size is described with its true size and read back byte for byte, in pieces of 1 MiB."""
    key, data = new_key(), os.urandom(size)
    assert stand.store.head(BUCKET, key) is None
    version_id = put(stand.store, key, data)
    stored = stand.store.head(BUCKET, key, version_id)
    assert stored is not None
    assert (key, size, version_id) == (stored.key, stored.size, stored.version_id)
    pieces = list(stand.store.read(BUCKET, key, version_id))
    assert data == b"".join(pieces)
    assert max(map(len, pieces), default=0) <= 1 << 20


@pytest.mark.parametrize("content_type", ["video/mp4", "image/jpeg", 'video/mp4; codecs="avc1.64001f, mp4a"', "x/y+z"])
def test_put__content_type_is_the_one_a_browser_gets(s3: Stand, content_type: str) -> None:
    """Any content type in use reaches whoever follows the link as it was given."""
    key = new_key()
    put(s3.store, key, BYTES, content_type=content_type)
    answer = browse(s3, s3.store.link(BUCKET, key, None, seconds=60, filename="film.mp4"))
    assert content_type == answer.headers["content-type"]


@pytest.mark.parametrize("fault", ["unknown authority", "other name"])
def test_tls__fails_closed(stands: dict[str, Stand], tmp_path: Path, fault: str) -> None:
    """F60: a store whose certificate is not by an authority we were told of, or is another's, gets no film."""
    stand = stands["moto by TLS"]
    url = str(stand.raw.meta.endpoint_url)
    authority, ca_file = Authority(), tmp_path / "ca.pem"
    ca_file.write_bytes(authority.pem)
    trusted = None if fault == "unknown authority" else ca_file
    with terminator(int(urlsplit(url).port or 0), authority.server("other.example", str(tmp_path))) as port:
        store = s3_stand(url if trusted is None else f"https://127.0.0.1:{port}", "r2", TEST_CREDENTIALS, None, trusted)
        with pytest.raises(StoreUnavailableError) as away:
            put(store.store, key := new_key(), BYTES)
    assert ("store_unreachable", 0) == (away.value.reason, stand.versions(key))


def test_put__again_is_refused_and_the_first_bytes_stand(stand: Stand) -> None:
    """A key is written once: the second put is a conflict, adds no version and leaves what stands."""
    key = new_key()
    put(stand.store, key, BYTES)
    for other in (BYTES, b"other"):
        with pytest.raises(ObjectConflictError) as refused:
            put(stand.store, key, other)
        assert "object_exists" == refused.value.reason
    assert BYTES == content(stand.store, key)
    assert 1 == stand.versions(key)


def test_put__other_bytes_than_the_digest_never_pass_for_archived(stand: Stand) -> None:
    """A store that verifies refuses a put whose bytes are not those of its SHA-256; elsewhere the proof finds it."""
    key, promised = new_key(), hashlib.sha256(BYTES).hexdigest()
    damaged = b"\xff" + BYTES[1:]
    if stand.store.capabilities.checksum_verified:
        with pytest.raises(StoreUnavailableError) as refused:
            put(stand.store, key, damaged, sha256=promised)
        assert "store_" in refused.value.reason
        assert (None, 0) == (stand.store.head(BUCKET, key), stand.versions(key))
    else:
        put(stand.store, key, damaged, sha256=promised)
        with pytest.raises(ProofFailedError) as failed:
            prove(stand.store, intent(key, BYTES), None)
        assert "digest_differs" == failed.value.reason


def test_prove__what_stands_is_what_was_sent(stand: Stand) -> None:
    """The proof of a good object is its description, by the version the put returned."""
    key = new_key()
    version_id = put(stand.store, key, BYTES)
    stored = prove(stand.store, intent(key, BYTES), version_id)
    assert (key, len(BYTES), version_id) == (stored.key, stored.size, stored.version_id)


@pytest.mark.parametrize(
    ("now", "reason"), [(b"\xff" + BYTES[1:], "digest_differs"), (BYTES[:-1], "size_differs"), (b"", "size_differs")]
)
def test_prove__altered_behind_our_back(stand: Stand, now: bytes, reason: str) -> None:
    """Bytes that somebody else replaced, cut or emptied fail the proof by name."""
    key = new_key()
    put(stand.store, key, BYTES)
    stand.overwrite(key, now)
    with pytest.raises(ProofFailedError) as failed:
        prove(stand.store, intent(key, BYTES), None)
    # rclone may show the size of before for a while; then the digest tells.
    assert failed.value.reason in ({reason, "digest_differs"} if stand.folder else {reason})


def test_prove__nothing_stands(stand: Stand) -> None:
    """An object that is not there fails the proof by name."""
    with pytest.raises(ProofFailedError) as failed:
        prove(stand.store, intent(new_key(), BYTES), None)
    assert "object_missing" == failed.value.reason


@pytest.mark.parametrize("name", ["moto", "ministack", "moto by TLS", "ministack by TLS", "memory"])
def test_versions__ours_can_still_be_had_after_an_overwrite(stands: dict[str, Stand], name: str) -> None:
    """By the version of its put the object is described, read, proved and linked as it was, whatever is on top."""
    stand, key = stands[name], new_key()
    version_id = put(stand.store, key, BYTES)
    assert version_id is not None
    stand.overwrite(key, b"on top")
    assert b"on top" == content(stand.store, key)
    assert BYTES == content(stand.store, key, version_id)
    assert len(BYTES) == prove(stand.store, intent(key, BYTES), version_id).size
    if stand.raw:
        assert (
            BYTES == browse(stand, stand.store.link(BUCKET, key, version_id, seconds=60, filename="film.mp4")).content
        )


def test_link__is_followed_by_plain_http(s3: Stand) -> None:
    """A presigned link gives the bytes and the file name to anybody, without our credentials."""
    key = new_key()
    put(s3.store, key, BYTES)
    answer = browse(s3, s3.store.link(BUCKET, key, None, seconds=60, filename="film-7.mp4"))
    assert (200, BYTES) == (answer.status_code, answer.content)
    if s3.folder is None:  # rclone says no file name
        assert 'inline; filename="film-7.mp4"' == answer.headers["content-disposition"]


def test_link__dies_when_it_said_it_would(stands: dict[str, Stand]) -> None:
    """Where the server checks expiry a link stops working after its seconds."""
    stand, key = stands["rclone"], new_key()
    store = stand.store
    put(store, key, BYTES)
    long, short = (store.link(BUCKET, key, None, seconds=life, filename="film.mp4") for life in (60, 1))

    def is_dead() -> bool:
        return browse(stand, short).status_code in (400, 403)  # rclone says 400, S3 itself 403

    wait_for(is_dead)
    assert 200 == browse(stand, long).status_code


def test_away__nobody_listens() -> None:
    """A store that is away is that by name in every verb, within seconds."""
    store = s3_stand(f"http://127.0.0.1:{free_port()}", "aws", TEST_CREDENTIALS).store
    began = time.monotonic()
    for verb in (
        lambda: put(store, "k", BYTES),
        lambda: store.head(BUCKET, "k"),
        lambda: content(store, "k"),
    ):
        with pytest.raises(StoreUnavailableError) as away:
            verb()
        assert "store_unreachable" == away.value.reason
    assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    ("bucket", "credentials", "reason"),
    [
        ("no-such-bucket", {}, "store_no_such_bucket"),
        (BUCKET, {"AWS_SECRET_ACCESS_KEY": "wrong"}, "store_signature_does_not_match"),
        (BUCKET, {"AWS_ACCESS_KEY_ID": "nobody"}, "store_invalid_access_key_id"),
    ],
)
def test_refused__by_the_stores_own_word(tmp_path: Path, bucket: str, credentials: dict[str, str], reason: str) -> None:
    """A missing bucket, a wrong key or a wrong secret is our own side by name, no fault of the video."""
    server, found = servers.rclone(tmp_path, BUCKET, "companion")
    known = {name: found[name] for name in TEST_CREDENTIALS}
    store = s3_stand(found["S3_ENDPOINT_URL"], "aws", {**known, **credentials}).store
    try:
        with pytest.raises(StoreUnavailableError) as refused:
            store.put(bucket, "k", BytesIO(b"1"), size=1, sha256=hashlib.sha256(b"1").hexdigest(), content_type="a/b")
        assert reason == refused.value.reason
    finally:
        server.stop()


def test_restart__of_the_embedded_store_keeps_what_was_put(tmp_path: Path) -> None:
    """What the embedded store acknowledged is there after it was killed and started again."""
    server, found = servers.rclone(tmp_path, BUCKET, "companion")
    store = s3_stand(found["S3_ENDPOINT_URL"], "rclone", {name: found[name] for name in TEST_CREDENTIALS}).store
    try:
        put(store, "a/b.mp4", BYTES)
        server.stop()
        with pytest.raises(StoreUnavailableError):
            store.head(BUCKET, "a/b.mp4")
        server.start()
        assert len(BYTES) == prove(store, intent("a/b.mp4", BYTES), None).size
        with pytest.raises(ObjectConflictError):
            put(store, "a/b.mp4", BYTES)
    finally:
        server.stop()


def test_put__whose_connection_dies_leaves_nothing_to_read(s3: Stand) -> None:
    """Half a body is no object: after the connection is gone nothing stands under the key."""
    key = new_key()
    checksum = base64.b64encode(hashlib.sha256(bytes(2_000_000)).digest()).decode()
    stated = {"ChecksumAlgorithm": "SHA256", "ChecksumSHA256": checksum}  # as our own puts state it
    parameters = {"Bucket": BUCKET, "Key": key, "ContentLength": 2_000_000, **stated}
    link = urlsplit(s3.raw.generate_presigned_url("put_object", Params=parameters))
    head = (
        f"PUT {link.path}?{link.query} HTTP/1.1\r\nHost: {link.netloc}\r\nContent-Length: 2000000\r\n"
        f"x-amz-checksum-sha256: {checksum}\r\nx-amz-sdk-checksum-algorithm: SHA256\r\n\r\n"
    )
    with ExitStack() as stack:
        wire = stack.enter_context(socket.create_connection((str(link.hostname), int(link.port or 0))))
        wire.settimeout(20)
        if s3.ca_file:
            tls = authorities(s3.ca_file)
            wire = stack.enter_context(tls.wrap_socket(wire, server_hostname=link.hostname))
        with suppress(OSError):  # a server may hang up before it has heard it all
            wire.sendall(head.encode() + bytes(1_000_000))
            wire.shutdown(socket.SHUT_WR)
            while wire.recv(1 << 16):  # until the server is done with it
                pass
    assert (None, 0) == (s3.store.head(BUCKET, key), s3.versions(key))
    put(s3.store, key, BYTES)
    assert BYTES == content(s3.store, key)


class Wiretap:
    """Passes connections on to a server, and drops what it answers to the first *lost* puts, once they took effect."""

    def __init__(self, port: int, lost: int) -> None:
        self.dropped = 0
        self._target = port
        self._lost = lost
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def stop(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)
        self._listener.close()

    def _run(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            with client, socket.create_connection(("127.0.0.1", self._target)) as server:
                client.settimeout(10)
                server.settimeout(10)
                request = self._message(client)
                server.sendall(request.replace(b"\r\n", b"\r\nConnection: close\r\n", 1))
                answer = b""
                while piece := server.recv(1 << 16):
                    answer += piece
                if request.startswith(b"PUT") and self.dropped < self._lost:
                    self.dropped += 1
                else:
                    client.sendall(answer)

    @staticmethod
    def _message(client: socket.socket) -> bytes:
        """One request; told to continue where it asks for that."""
        data = b""
        while b"\r\n\r\n" not in data:
            data += client.recv(1 << 16)
        head, _, body = data.partition(b"\r\n\r\n")
        stated = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
        if b"100-continue" in head:
            client.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            head = re.sub(rb"(?i)\r\nexpect: *100-continue", b"", head)
        while stated and len(body) < int(stated[1]):
            body += client.recv(1 << 16)
        return head + b"\r\n\r\n" + body


@pytest.mark.parametrize(
    ("lost", "expected"), [(1, ObjectConflictError), (2, StoreUnavailableError)], ids=["retried-by-the-sdk", "away"]
)
def test_put__whose_reply_is_lost_stands_once(stands: dict[str, Stand], lost: int, expected: type[Exception]) -> None:
    """A put whose answer never came makes no second version: a conflict, or the store is away; the proof holds."""
    direct, key = stands["moto"], new_key()
    wiretap = Wiretap(urlsplit(direct.raw.meta.endpoint_url).port or 0, lost)
    try:
        with pytest.raises(expected):
            put(s3_stand(wiretap.url, "r2", TEST_CREDENTIALS).store, key, BYTES)
    finally:
        wiretap.stop()
    assert (lost, 1) == (wiretap.dropped, direct.versions(key))
    assert len(BYTES) == prove(direct.store, intent(key, BYTES), None).size
