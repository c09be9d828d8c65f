"""Both clients, and a real service for them to ask."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from archive.ledger.database import Database
from reelkeep.client import Client
from tests import servers
from tests.origin import Origin, origin
from tests.reelkeep.house import BUCKET, Service, opened, serve

Open = Callable[..., Client]


@pytest.fixture(scope="session")
def store() -> Iterator[tuple[Any, str]]:
    """A plain S3 client to a bucket with versions, and where it is."""
    with servers.environment(AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test"):
        server = servers.moto()
        url = f"http://127.0.0.1:{server.port}"
        plain = Config(request_checksum_calculation="when_required", s3={"addressing_style": "path"})
        client = boto3.Session(region_name="us-east-1").client("s3", endpoint_url=url, config=plain)
        client.create_bucket(Bucket=BUCKET)
        client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        yield client, url
        client.close()
        server.stop()


@pytest.fixture
def service(migrated: Path, tmp_path: Path, store: tuple[Any, str]) -> Iterator[Service]:
    folder = tmp_path / "service"
    folder.mkdir()
    shutil.copy(migrated, folder / "ledger.db")
    db = Database(f"sqlite:///{folder}/ledger.db")
    with serve(db, *store) as service:
        yield service
    db.close()


@pytest.fixture
def played() -> Iterator[Origin]:
    """Plays the API, and the store, where they must misbehave."""
    with origin() as server:
        yield server


@pytest.fixture(params=["threads", "loop"])
def open_client(request: pytest.FixtureRequest) -> Iterator[Open]:
    """Opens a client of either kind; each promise is kept by both."""
    with ExitStack() as stack:
        yield lambda *args, **more: stack.enter_context(opened(request.param, *args, **more))
