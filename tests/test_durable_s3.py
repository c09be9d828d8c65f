"""The S3 double that is killed: what it acknowledged stands afterwards, and nothing else does."""

import base64
import hashlib
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.doubles import wait_for
from tests.servers import Server, durable

BODY = b"a film" * 1000
SUM = base64.b64encode(hashlib.sha256(BODY).digest()).decode()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    running = durable(tmp_path, "videos")
    yield running
    running.stop()


@pytest.fixture
def s3(server: Server) -> Any:
    config = Config(request_checksum_calculation="when_required", s3={"addressing_style": "path"})
    session = boto3.Session("test", "test", region_name="us-east-1")
    return session.client("s3", endpoint_url=f"http://127.0.0.1:{server.port}", config=config)


def versions(s3: Any) -> list[tuple[str, str]]:
    return [(each["Key"], each["VersionId"]) for each in s3.list_object_versions(Bucket="videos").get("Versions", [])]


def test_kill__keeps_what_was_acknowledged(server: Server, s3: Any) -> None:
    """After SIGKILL each version stands with its bytes and its checksum, and a condition still knows of it."""
    first = s3.put_object(Bucket="videos", Key="a/b.mp4", Body=BODY, ChecksumSHA256=SUM, IfNoneMatch="*")
    second = s3.put_object(Bucket="videos", Key="a/b.mp4", Body=b"other")
    server.stop()
    server.start()
    made = [("a/b.mp4", each["VersionId"]) for each in (first, second)]
    assert made == versions(s3)
    where = {"Bucket": "videos", "Key": "a/b.mp4", "VersionId": first["VersionId"]}
    assert SUM == s3.head_object(**where, ChecksumMode="ENABLED")["ChecksumSHA256"]
    assert BODY == s3.get_object(**where)["Body"].read()
    assert b"other" == s3.get_object(Bucket="videos", Key="a/b.mp4")["Body"].read()
    with pytest.raises(ClientError, match="PreconditionFailed"):
        s3.put_object(Bucket="videos", Key="a/b.mp4", Body=BODY, IfNoneMatch="*")
    assert made == versions(s3)


def test_put__of_other_bytes_than_announced(s3: Any) -> None:
    """A body that does not fit its checksum is refused and leaves no version."""
    with pytest.raises(ClientError, match="BadDigest"):
        s3.put_object(Bucket="videos", Key="a.mp4", Body=b"altered", ChecksumSHA256=SUM)
    assert [] == versions(s3)


def test_put__cut_off_leaves_nothing(server: Server, s3: Any, tmp_path: Path) -> None:
    """F42: of a client that dies in mid-body nothing stands, and its bytes are thrown away."""
    with socket.create_connection(("127.0.0.1", server.port)) as client:
        client.sendall(b"PUT /videos/a.mp4 HTTP/1.1\r\nHost: s3\r\nContent-Length: 100\r\n\r\nhalf")
        wait_for(lambda: bool(list((tmp_path / "bytes").iterdir())))
    wait_for(lambda: not list((tmp_path / "bytes").iterdir()))
    assert [] == versions(s3)
