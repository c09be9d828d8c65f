"""One line a record."""

import logging
import re
from collections.abc import Callable, Iterator

import pytest

from archive import logs

Configure = Callable[[], logging.Logger]


@pytest.fixture
def configure() -> Iterator[Callable[[], logging.Logger]]:
    """Set up logging as a process does; afterwards it is as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level

    def begin() -> logging.Logger:
        root.handlers = []
        logs.configure("web")
        return logging.getLogger("t")

    yield begin
    root.handlers, root.level = handlers, level


def test_line__time_in_utc_level_process_name_message_fields(
    configure: Configure, capsys: pytest.CaptureFixture[str]
) -> None:
    """A record is one line: instant, level, process, logger, event, then its fields."""
    configure().warning("asset.%s", "lost", extra={"asset": "a1", "seconds": 1.5})
    line = capsys.readouterr().err
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z WARNING web t asset\.lost asset=a1 seconds=1\.5\n", line
    )


@pytest.mark.parametrize("character", ["\n", "\r", "\x1b", "\x00", "\u2028", "\ud800"])
def test_line__no_value_makes_a_second_one(
    configure: Configure, capsys: pytest.CaptureFixture[str], character: str
) -> None:
    """F81: neither message nor field can forge a line or move a terminal's cursor."""
    configure().warning("told %s", f"a{character}2026-11-21 forged", extra={"field": f"b{character}forged"})
    [line] = capsys.readouterr().err.splitlines()
    assert line.isprintable()
    assert "forged" in line


def test_line__a_traceback_follows_its_fields(configure: Configure, capsys: pytest.CaptureFixture[str]) -> None:
    """The first line is whole before the traceback begins."""
    log = configure()
    try:
        raise RuntimeError("why")
    except RuntimeError:
        log.exception("asset.crashed", extra={"asset": "a1"})
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].endswith("asset.crashed asset=a1")
    assert ("Traceback (most recent call last):", "RuntimeError: why") == (lines[1], lines[-1])


def test_configure__libraries_that_print_links_stay_quiet(
    configure: Configure, capsys: pytest.CaptureFixture[str]
) -> None:
    """HTTP clients, the S3 client, RQ and the web server's access log say nothing below a warning."""
    configure()
    for name in ("httpx", "httpcore", "botocore", "boto3", "urllib3", "rq", "uvicorn.access", "alembic"):
        logging.getLogger(name).info("GET https://h/?sig=canary")
    assert "" == capsys.readouterr().err
