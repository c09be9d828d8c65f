"""Logging set up once a process: one line a record, time in UTC, dotted event names with their fields behind."""

import logging
import sys
import time

from archive.tables import printable

# What a LogRecord has by itself; everything else came in through `extra`.
_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}


class _Line(logging.Formatter):
    def __init__(self, form: str) -> None:
        super().__init__(form, "%Y-%m-%dT%H:%M:%S")
        self.converter = time.gmtime

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 (the base class's name)
        """The record's own line, fields included; nothing in it can end the line. A traceback follows below."""
        fields = " ".join(f"{name}={value!s}" for name, value in vars(record).items() if name not in _OWN)
        return printable(f"{super().formatMessage(record)} {fields}".rstrip())


def configure(process: str) -> None:
    """Log to standard error as *process*. Libraries that may print a link or a job's arguments stay quiet."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Line(f"%(asctime)s.%(msecs)03dZ %(levelname)-7s {process} %(name)s %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for noisy in (
        "httpx",
        "httpcore",
        "botocore",
        "boto3",
        "urllib3",
        "rq",
        "alembic",
        "uvicorn.access",
        "uvicorn.error",
    ):
        logging.getLogger(noisy).setLevel(logging.WARNING)
