"""
Listen for wake-ups with RQ, in a thread of the worker process.

Redis may come and go: whatever happens to it ends here, as a line in the log and another try. The main thread owns the
signals, so RQ gets none, and neither its pubsub thread nor its alarm clock.
"""

import logging
import threading
from typing import Any

from redis.exceptions import RedisError
from rq import Queue, SimpleWorker, worker_registration
from rq.serializers import JSONSerializer
from rq.timeouts import TimerDeathPenalty

from archive.wakeups import QUEUE, connect

_TTL = 30  # seconds after which RQ forgets a dead worker; a blocking pop lasts 15 s less
_PAUSE = 2.0  # seconds between tries while Redis is away
_log = logging.getLogger(__name__)


class _Weather(logging.Filter):
    """Says once that Redis cannot be used, and once that it can again, where RQ would say so every few seconds."""

    def __init__(self) -> None:
        super().__init__()
        self._is_bad = False

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a line of RQ's is about anything else."""
        said = [*(record.args if isinstance(record.args, tuple) else ()), record.exc_info and record.exc_info[1]]
        failure = next((one for one in said if isinstance(one, RedisError)), None)
        if failure is None and "Redis connection" not in str(record.msg):
            return True
        self.bad(type(failure).__name__ if failure else "TimeoutError")
        return False

    def bad(self, reason: str) -> None:
        if not self._is_bad:
            _log.warning("wakeups.redis_unavailable", extra={"reason": reason})
        self._is_bad = True

    def good(self) -> None:
        if self._is_bad:
            _log.info("wakeups.redis_back")
        self._is_bad = False


class _Listener(SimpleWorker):
    """RQ's in-process worker, fit for a thread."""

    weather: _Weather

    death_penalty_class = TimerDeathPenalty
    max_connection_wait_time = _PAUSE

    def _install_signal_handlers(self) -> None:
        """Signals are the main thread's."""

    def subscribe(self) -> None:
        """No remote commands."""

    def unsubscribe(self) -> None:
        """No remote commands."""

    def heartbeat(self, timeout: int | None = None, pipeline: Any = None) -> None:
        """Say that we are here, and that we exist at all: a Redis that was started anew has forgotten it."""
        super().heartbeat(timeout, pipeline)
        worker_registration.register(self, pipeline)
        if pipeline is None:  # else nothing is sent yet
            self.weather.good()


def listen(url: str, stopping: threading.Event) -> None:
    """Serve wake-ups until *stopping*; never raises for Redis' sake."""
    weather = _Weather()
    logging.getLogger("rq.worker").addFilter(weather)
    while not stopping.is_set():
        try:
            connection = connect(url, timeout=_TTL)
            queue = Queue(QUEUE, connection=connection, serializer=JSONSerializer)
            worker: Any = _Listener([queue], connection=connection, serializer=JSONSerializer, worker_ttl=_TTL)
            worker.weather = weather
            worker.work(logging_level="WARNING")
        except (RedisError, OSError, ValueError) as exc:
            weather.bad(type(exc).__name__)
        except SystemExit:
            _log.warning("wakeups.listener_quit")
        stopping.wait(_PAUSE)
