"""Fixtures: one simulator for the whole session, since no task knows of another; a receiver for each test."""

from collections.abc import Iterator

import pytest

from tests.simulator.customers import Customer
from tests.simulator.helpers import HMAC_KEY, Receiver, Simulator, receiving, running

# Limits are of whole accounts, which the session's tests share: they have tests of their own.
UNLIMITED = ("--limit", "seedance2ai=0/60", "--limit", "acedata=0/1")


@pytest.fixture(scope="session")
def sim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    with running(tmp_path_factory.mktemp("simulator"), "--hmac-key", HMAC_KEY, *UNLIMITED) as sim:
        yield sim


@pytest.fixture
def customer(sim: Simulator) -> Customer:
    return Customer(sim)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver
