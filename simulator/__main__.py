"""
Run the simulator: `python -m simulator --state DIR --api-key KEY`; `--help` lists the rest.

When all sockets listen it prints one line of JSON, `{"api": …, "files": …, "bare": …, "pid": …}`, and no more after it.
"""

import argparse
import json
import os
import signal
import socket
from pathlib import Path
from typing import Final

import uvicorn

from simulator.app import create_app
from simulator.journal import Journal
from simulator.limits import read_limit
from simulator.links import Links
from simulator.world import Settings, World

_HOST: Final = "127.0.0.1"  # never anything else: it signs as a provider does and serves what it is told to
_GRACE: Final = 1  # seconds a running download is given when we are told to stop


def main() -> None:
    """Serve until told to stop."""
    options = _parser().parse_args()
    sockets = [_listen(port) for port in (options.port, options.files_port, options.bare_port)]
    api_port, files_port, bare_port = (each.getsockname()[1] for each in sockets)
    films = options.state / "films"
    films.mkdir(parents=True, exist_ok=True)
    world = World(
        settings=Settings(options.api_key, options.hmac_key, options.fresh_link_life, films, dict(options.limit)),
        journal=Journal(options.state / "log.jsonl"),
        links=Links(f"http://{options.public_files_host}:{files_port}"),
    )
    # uvicorn stops its servers and then raises the signal again: the journal is on disk by then, and a film
    # half encoded shall not keep the process.
    for stop in (signal.SIGTERM, signal.SIGINT):
        signal.signal(stop, lambda *_: os._exit(0))
    config = uvicorn.Config(
        create_app(world, api=f"http://{_HOST}:{api_port}", files_port=files_port, bare_port=bare_port),
        access_log=False,
        log_level="warning",
        timeout_graceful_shutdown=_GRACE,
    )
    addresses = {
        "api": f"http://{_HOST}:{api_port}",
        "files": f"http://{_HOST}:{files_port}",
        "bare": f"http://{_HOST}:{bare_port}",
        "pid": os.getpid(),
    }
    print(json.dumps(addresses), flush=True)
    uvicorn.Server(config).run(sockets=sockets)


def _listen(port: int) -> socket.socket:
    listener = socket.create_server((_HOST, port), backlog=1024)
    listener.setblocking(False)
    return listener


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m simulator", description="Play five providers and their file host.")
    parser.add_argument("--port", type=int, default=9100, help="of the API; 0: any free one")
    parser.add_argument("--files-port", type=int, default=9101, help="of the file host; 0: any free one")
    parser.add_argument(
        "--bare-port", type=int, default=0, help="of seedance2ai.io without www, which redirects; 0: any free one"
    )
    parser.add_argument("--state", type=Path, required=True, help="directory for log.jsonl and films/")
    parser.add_argument("--api-key", required=True, help="what callers must send as bearer token")
    parser.add_argument("--hmac-key", help="sign callbacks with it; left out: callbacks are not signed")
    parser.add_argument("--public-files-host", default=_HOST, help="host name that links carry")
    parser.add_argument(
        "--fresh-link-life",
        type=float,
        default=1200.0,
        help="seconds a download-url link lives (documented: 1200)",
    )
    parser.add_argument(
        "--limit",
        type=read_limit,
        action="append",
        default=[],
        metavar="SOURCE=COUNT/SECONDS",
        help="requests before a provider answers 429; 0: any number (seedance2ai=30/60, acedata=60/1, kie=0/10, where "
        "20/10 is documented)",
    )
    return parser


if __name__ == "__main__":
    main()
