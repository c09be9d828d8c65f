"""
Wake-ups: RQ jobs that say "there is work". They carry nothing; the ledger says which work.

Redis is disposable. A wake-up that is lost costs the workers' own timer interval, never a video, so nothing here raises
and nothing here waits long.
"""

import logging

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from rq import Queue, Worker
from rq.serializers import JSONSerializer

QUEUE = "reelkeep"
JOB = "workers.jobs.drain"  # named, not imported: whoever rings need not be able to do the work
_log = logging.getLogger(__name__)


def connect(url: str, *, timeout: float) -> Redis:
    """A connection that fails fast and never repeats a command by itself."""
    return Redis.from_url(url, socket_timeout=timeout, socket_connect_timeout=timeout, retry=Retry(NoBackoff(), 0))


class Bell:
    """Rings for workers. One queue only: with two, RQ can lose a job between them when a worker dies."""

    def __init__(self, url: str) -> None:
        self._redis = connect(url, timeout=1.0)
        self._queue = Queue(QUEUE, connection=self._redis, serializer=JSONSerializer)
        self._was_away = False

    def ring(self, *, everyone: bool = False) -> bool:
        """
        Put one wake-up in the queue, or one for each worker process; never more than there are processes.

        Returns:
            Whether Redis took part; False is no failure, the workers look for themselves as well.
        """
        try:
            missing = max(1, Worker.count(queue=self._queue)) - self._queue.count
            for _ in range(missing if everyone else min(missing, 1)):
                self._queue.enqueue(JOB, description="drain", job_timeout=60, result_ttl=0, failure_ttl=60, ttl=60)
        except RedisError as exc:
            if not self._was_away:  # once, not at each of a thousand callbacks
                _log.warning("wakeups.redis_unavailable", extra={"reason": type(exc).__name__})
            self._was_away = True
            return False
        if self._was_away:
            _log.info("wakeups.redis_back")
        self._was_away = False
        return True

    def is_reachable(self) -> bool:
        try:
            return bool(self._redis.ping())
        except RedisError:
            return False
