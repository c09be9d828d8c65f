"""
Names into addresses, with a limit on how long that takes and on how much of it goes on at a time.

The system's resolver cannot be interrupted: one name server that does not answer holds it for half a minute. So it is
asked in a thread of its own, which is left behind when its time is up; threads left behind are counted, too.
"""

import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from ipaddress import ip_address

from archive.errors import WireError
from workers.patience import bounded

Resolve = Callable[[str, int], list[str]]
PATIENCE = 5.0  # seconds for one name
LOOKUPS = 64  # names that are being asked for at a time, hung ones among them


def resolve(host: str, port: int) -> list[str]:
    """The host's addresses, as the system resolves them."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(info[4][0]) for info in found))


def is_address(host: str) -> bool:
    """Whether *host* is an address, so that nothing has to be asked for."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


class Resolver:
    """Asks *lookup*, whose time is its own, and waits no longer than told. Safe for threads."""

    def __init__(self, lookup: Resolve = resolve, *, patience: float = PATIENCE, lookups: int = LOOKUPS) -> None:
        self._lookup = lookup
        self._patience = patience
        self._lookups = lookups
        self._changed = threading.Condition()
        self._running: dict[tuple[str, int], Future[list[str]]] = {}

    def __call__(self, host: str, port: int) -> list[str]:
        """
        The addresses of *host*, at least one. Who asks for a name that is being asked for waits for the same answer.

        Raises:
            WireError: `name_not_resolved`, also where no answer came in time: what has to be mended is DNS.
        """
        if is_address(host):
            return [host]
        end = time.monotonic() + bounded(self._patience)
        try:
            addresses = self._asked((host, port), end).result(max(0.0, end - time.monotonic()))
        except (OSError, UnicodeError, RuntimeError) as exc:  # the last: no further thread can begin
            raise WireError("name_not_resolved") from exc
        if not addresses:
            raise WireError("name_not_resolved")
        return addresses

    def _asked(self, name: tuple[str, int], end: float) -> Future[list[str]]:
        def is_my_turn() -> bool:
            return name in self._running or len(self._running) < self._lookups

        with self._changed:
            if not self._changed.wait_for(is_my_turn, end - time.monotonic()):
                raise TimeoutError("too many lookups under way")
            if name not in self._running:
                # A daemon: a process that ends does not wait for a name server. It takes its place once it runs: one
                # that cannot begin would leave a name that nobody asks for and everybody waits for.
                threading.Thread(target=self._ask, args=(name,), name="resolver", daemon=True).start()
                self._running[name] = Future()
            return self._running[name]

    def _ask(self, name: tuple[str, int]) -> None:
        found: list[str] = []
        failure: BaseException | None = None
        try:
            found = self._lookup(*name)
        except BaseException as exc:  # it belongs to whoever waits
            failure = exc
        with self._changed:  # first, so that no later question gets this answer
            answer = self._running.pop(name)
            self._changed.notify_all()
        if failure is None:
            answer.set_result(found)
        else:
            answer.set_exception(failure)
