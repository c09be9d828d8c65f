"""Servers for system tests. Each test has its own; nothing is shared, since they get killed."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import Postgres
from tests.system.harness import GatedS3, Provider, Redis
from tests.system.stage import Stage, staged

pytest.register_assert_rewrite("tests.system.doc_scenes")


@pytest.fixture
def s3() -> Iterator[GatedS3]:
    server = GatedS3()
    yield server
    server.stop()


@pytest.fixture
def fresh_postgres(postgres: Postgres) -> Iterator[str]:
    """A fresh, empty PostgreSQL database whose commits wait for the disk: a process of ours takes no other."""
    with postgres.durable():
        name = postgres.create()
        yield postgres.url(name)
        postgres.drop(name)


@pytest.fixture
def redis() -> Iterator[Redis]:
    server = Redis()
    yield server
    server.stop()


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[Provider]:
    folder = tmp_path / "provider"
    folder.mkdir()
    server = Provider(folder)
    yield server
    server.stop()


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """The whole service with all five providers and an application that it tells."""
    with staged(tmp_path) as on:
        yield on
