"""A PostgreSQL connection that waits for no answer without end: a server that is stopped still takes every question."""

from typing import Any

import psycopg
from psycopg.abc import RV, PQGen
from psycopg.errors import _WaitTimeout


class Impatient(psycopg.Connection[Any]):
    """`patience` is how many seconds one statement may take; None: as long as it takes."""

    patience: float | None = None

    def wait(self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:
        """
        As psycopg's, but not beyond `patience`.

        Raises:
            OperationalError: no answer in time. What became of the statement is not known, so nothing more is asked of
                this connection.
        """
        try:
            return super().wait(gen, interval, self.patience if timeout is None else timeout)
        except _WaitTimeout:
            if timeout is not None:
                raise
            self.pgconn.finish()
            raise psycopg.OperationalError("the server gives no answer") from None
