"""How much memory a process of many threads keeps that nobody uses."""

import ctypes

_M_ARENA_MAX = -8  # glibc's malloc.h
ARENAS = 2  # the interpreter's lock lets one thread work at a time, so more of them save no waiting


def give_back() -> None:
    """
    Have freed memory go back, or to the next who asks. Before the first thread starts.

    glibc gives each thread a pool of its own and keeps what was freed in it: sixteen transfers that each read the
    tables of one film, one after the other, left 210 MiB behind. Other C libraries do nothing of the kind.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, ARENAS)
