"""Fixtures: one simulator for the whole session, since no task knows of another; a receiver for each test."""

from collections.abc import Iterator

import pytest

from tests.simulator.helpers import HMAC_KEY, Receiver, Simulator, receiving, running


@pytest.fixture(scope="session")
def sim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    with running(tmp_path_factory.mktemp("simulator"), "--hmac-key", HMAC_KEY) as sim:
        yield sim


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver
