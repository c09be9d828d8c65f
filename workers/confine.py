"""
Take from this process, for good, what a decoder of hostile bytes does not need.

Limits alone are not enough: without a file descriptor a process can still delete and truncate files by name, kill its
parent or write into its memory, and root may lift its limits. So a seccomp filter lets through the few system calls
that reading, computing and answering take; any other fails with ENOSYS, as on a kernel that does not have it. The
filter is for Linux on the processors below; elsewhere, and on a kernel without seccomp, the limits stand alone.

Numbers and structures: Linux `include/uapi/linux/{prctl,seccomp,filter,audit}.h`, `arch/*/entry/syscalls`.
"""

import ctypes
import errno
import platform
import resource
import signal
import struct
import sys

SYSTEM_CALLS = (  # on x86_64, on aarch64
    (0, 63),  # read
    (1, 64),  # write
    (3, 57),  # close
    (8, 62),  # lseek
    (9, 222),  # mmap
    (10, 226),  # mprotect
    (11, 215),  # munmap
    (12, 214),  # brk
    (13, 134),  # rt_sigaction
    (14, 135),  # rt_sigprocmask
    (15, 139),  # rt_sigreturn
    (17, 67),  # pread64
    (24, 124),  # sched_yield
    (25, 216),  # mremap
    (28, 233),  # madvise
    (60, 93),  # exit
    (131, 132),  # sigaltstack
    (202, 98),  # futex
    (204, 123),  # sched_getaffinity
    (219, 128),  # restart_syscall
    (228, 113),  # clock_gettime
    (231, 94),  # exit_group
    (318, 278),  # getrandom
)
PROCESSORS = {"x86_64": (0xC000_003E, 0), "aarch64": (0xC000_00B7, 1)}  # AUDIT_ARCH, column of the table
PR_SET_PDEATHSIG, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS = 1, 22, 38
SECCOMP_MODE_FILTER, ALLOW, REFUSE = 2, 0x7FFF_0000, 0x0005_0000 | 38  # the last: an errno, ENOSYS
LOAD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06
NUMBER_AT, PROCESSOR_AT = 0, 4  # offsets in what a filter is given
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None  # elsewhere there is no prctl


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def confine(*, wall_seconds: int, cpu_seconds: int, memory: int) -> None:
    """
    Confine this process, which must have one thread, to the files it has open and to *memory* bytes of address space.

    It ends by SIGALRM or SIGXCPU after so many seconds, and by SIGKILL when the thread that started it is gone.
    """
    if _libc is not None:
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    signal.alarm(wall_seconds)  # the parent may have died before that
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds + 1))  # SIGXCPU tells it from a kill
    for limit, value in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 0),  # what is open stays open: stdin, stdout, stderr
        (resource.RLIMIT_NPROC, 0),  # the root user is exempt
    ):
        resource.setrlimit(limit, (value, value))
    if _libc is not None and (program := _program(platform.machine())) is not None:
        _libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        _libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0)


def can_filter() -> bool:
    """Whether this kernel filters system calls, and for this processor: one that can looks for a filter (EFAULT)."""
    if _libc is None or platform.machine() not in PROCESSORS:
        return False
    refused = _libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, None, 0, 0) == -1
    return refused and ctypes.get_errno() == errno.EFAULT


def _program(machine: str) -> _Program | None:
    """Return the filter for a processor; None for one that we do not know."""
    if machine not in PROCESSORS:
        return None
    processor, column = PROCESSORS[machine]
    numbers = [calls[column] for calls in SYSTEM_CALLS]
    steps = [
        (LOAD, 0, 0, PROCESSOR_AT),
        (JUMP_IF_EQUAL, 0, len(numbers) + 1, processor),  # a call of another kind, as of 32-bit code, is refused
        (LOAD, 0, 0, NUMBER_AT),
        *((JUMP_IF_EQUAL, len(numbers) - at, 0, number) for at, number in enumerate(numbers)),
        (RETURN, 0, 0, REFUSE),
        (RETURN, 0, 0, ALLOW),
    ]
    return _Program(len(steps), b"".join(struct.pack("=HBBI", *step) for step in steps))
