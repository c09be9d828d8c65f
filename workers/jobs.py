"""What RQ calls. A wake-up carries nothing; this process's runtime knows what to do with it."""

from archive.failpoints import reached
from workers.runtime import Runtime

_runtime: list[Runtime] = []


def serve(runtime: Runtime) -> None:
    """Let wake-ups of this process go to *runtime*."""
    _runtime[:] = [runtime]


def drain() -> None:
    """The RQ job: there is work."""
    reached("wakeup.popped")
    for runtime in _runtime:
        runtime.drain()
