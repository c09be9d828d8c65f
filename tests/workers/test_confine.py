"""The decoding child, were it made to run hostile code: what it still can do, tried from inside."""

import json
import os
import platform
import select
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.films import films
from tests.media import check, made
from workers.confine import PROCESSORS, can_filter
from workers.probe import probe

PROGRAM = """
import ctypes, json, mmap, os, resource, signal, socket, sys, threading
from workers.confine import confine

libc = ctypes.CDLL(None, use_errno=True)
victim, other, shall_confine = sys.argv[1], int(sys.argv[2]), sys.argv[3] == "confined"
buffer = ctypes.create_string_buffer(8)
iovec = (ctypes.c_size_t * 2)(ctypes.addressof(buffer), 8)

def checked(result):
    if result == -1:
        raise OSError(ctypes.get_errno(), "refused")

def fork():
    if not os.fork():
        os._exit(0)
    os.wait()

def thread():
    started = threading.Thread(target=lambda: None)
    started.start()
    started.join()

attempts = {
    "open": lambda: open("/dev/null"),
    "open in the place of another": lambda: (os.close(2), os.open("/dev/null", os.O_RDWR)),
    "pipe": os.pipe,
    "tcp": lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM),
    "udp": lambda: socket.socket(socket.AF_INET6, socket.SOCK_DGRAM),
    "unix": lambda: socket.socketpair(),
    "memfd": lambda: os.memfd_create("x"),
    "dup": lambda: os.dup(0),
    "read a name": lambda: os.stat(victim),
    "truncate by name": lambda: os.truncate(victim, 0),
    "rename": lambda: os.rename(victim, victim + "-"),
    "link": lambda: os.link(victim, victim + "+"),
    "mode": lambda: os.chmod(victim, 0),
    "mkdir": lambda: os.mkdir(victim + "d"),
    "delete": lambda: os.unlink(victim),
    "fork": fork,
    "thread": thread,
    "signal another": lambda: os.kill(other, 0),
    "signal all": lambda: os.kill(-1, 0),
    "look into another": lambda: checked(libc.ptrace(16, other, 0, 0)),
    "read another": lambda: checked(libc.process_vm_readv(other, iovec, 0, iovec, 0, 0)),
    "lift a limit": lambda: resource.setrlimit(resource.RLIMIT_CPU, (resource.RLIM_INFINITY,) * 2),
    "lift another's": lambda: resource.prlimit(other, resource.RLIMIT_CORE, (0, 0)),
    "stay behind": lambda: checked(libc.prctl(1, 0, 0, 0, 0)),
    "no alarm": lambda: signal.setitimer(signal.ITIMER_REAL, 0),
    "shared memory": lambda: checked(libc.shmget(0, 4096, 0o1600)),
    "a namespace": lambda: checked(libc.unshare(0x1000_0000)),
    "truncate what it reads": lambda: os.ftruncate(0, 0),
    "write what it reads": lambda: os.pwrite(0, b"x", 0),
    "map what it reads": lambda: mmap.mmap(0, 1, prot=mmap.PROT_WRITE),
}
if shall_confine:
    confine(wall_seconds=20, cpu_seconds=5, memory=1 << 30)
done = []
for name, attempt in attempts.items():
    try:
        attempt()
    except (OSError, ValueError, RuntimeError):
        continue
    done.append(name)
sys.stdout.write(json.dumps(done))
"""
HAS_FILTER = sys.platform == "linux" and platform.machine() in PROCESSORS


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    (tmp_path / "victim").write_bytes(b"a ledger")
    return tmp_path / "victim"


def tried(victim: Path, how: str) -> list[str]:
    """What hostile code could do, by name; it reads a file that was opened as `workers.probe` does."""
    waiting = (sys.executable, "-c", "input()")
    with (
        tempfile.TemporaryFile() as spool,
        subprocess.Popen(waiting, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as other,
    ):
        spool.write(b"a film")
        spool.flush()
        command = (sys.executable, "-c", PROGRAM, victim, str(other.pid), how)
        with Path(f"/dev/fd/{spool.fileno()}").open("rb") as own:
            run = subprocess.run(command, stdin=own, stdout=subprocess.PIPE, check=True, timeout=30)
        other.kill()
        assert spool.seek(0, os.SEEK_END) == len(b"a film")
    return list(json.loads(run.stdout))


@pytest.mark.skipif(
    not HAS_FILTER, reason="NOT TESTED: the decoder's system calls (no seccomp filter for this machine)"
)
def test_confine__nothing_is_left_to_hostile_code(victim: Path) -> None:
    """F62: confined code opens, deletes, starts, signals, looks into and lifts nothing, even as root."""
    assert [] == tried(victim, "confined")
    assert b"a ledger" == victim.read_bytes()


def test_confine__the_attempts_work_elsewhere(victim: Path) -> None:
    """The same code unconfined succeeds with most, so that the test above means something."""
    done = set(tried(victim, "free"))
    assert {
        "open",
        "tcp",
        "truncate by name",
        "rename",
        "fork",
        "thread",
        "signal another",
        "look into another",
        "stay behind",
    } <= done
    assert not {"truncate what it reads", "write what it reads", "map what it reads"} & done


@pytest.mark.parametrize("without", ["PROCESSORS.clear()", "_libc = None"], ids=["processor", "Linux"])
def test_confine__without_a_filter_the_limits_stay(without: str) -> None:
    """On a processor we do not know, and on a system other than Linux, a file or a pipe still cannot be opened."""
    program = f"""if True:
        import errno, os, workers.confine
        workers.confine.{without}
        assert not workers.confine.can_filter()
        workers.confine.confine(wall_seconds=20, cpu_seconds=5, memory=1 << 30)
        for attempt in (lambda: open("/dev/null"), os.pipe):
            try:
                attempt()
            except OSError as exc:
                assert exc.errno == errno.EMFILE
            else:
                raise AssertionError(attempt)"""
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.fixture
def parent(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process whose confined child spins, and which tells the child's pid."""
    child = (
        "import workers.confine as c; c.confine(wall_seconds=60, cpu_seconds=60, memory=1 << 30); print(flush=True)\n"
    )
    program = f"""if True:
        import subprocess, sys
        child = subprocess.Popen([sys.executable, "-c", {child + "while True: pass"!r}], stdout=subprocess.PIPE)
        child.stdout.readline()
        print(child.pid, flush=True)
        child.wait()"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


@pytest.mark.parametrize(("machine", "known"), [(platform.machine(), platform.machine() in PROCESSORS), ("vax", False)])
def test_can_filter(machine: str, known: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no system call can be filtered that is known beforehand, and asking changes nothing for who asks."""
    monkeypatch.setattr("platform.machine", lambda: machine)
    before = _seccomp()
    assert known == can_filter()
    assert before == _seccomp()


def _seccomp() -> list[str]:
    return [line for line in Path("/proc/thread-self/status").read_text().splitlines() if line.startswith("Seccomp")]


def test_confine__ends_with_its_parent(parent: subprocess.Popen[str]) -> None:
    """A child that works on is gone when its parent is killed."""
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    handle = os.pidfd_open(pid)  # which no other process can take over
    try:
        os.kill(parent.pid, signal.SIGKILL)
        parent.wait(10)
        assert select.select([handle], [], [], 10)[0]  # readable once the process is gone
    finally:
        os.close(handle)


def test_confine__ends_by_itself() -> None:
    """A child that nobody waits for any more ends at its own time."""
    program = "import workers.confine as c; c.confine(wall_seconds=1, cpu_seconds=60, memory=1 << 30)\nwhile True: pass"
    assert -signal.SIGALRM == subprocess.run([sys.executable, "-c", program], check=False, timeout=20).returncode


def test_probe__leaves_nothing_behind(tmp_path: Path) -> None:
    """A probe leaves no open file, no process and nothing in the spool's folder."""
    open_files, children = Path("/dev/fd"), Path(f"/proc/self/task/{threading.get_native_id()}/children")
    before = len(list(open_files.iterdir())), children.read_text()
    with tempfile.TemporaryFile(dir=tmp_path) as spool:
        spool.write(films()["moov_last"])
        probe(spool, check(films()["moov_last"]))
    with tempfile.TemporaryFile(dir=tmp_path) as spool:
        spool.write(made("png"))
        probe(spool, check(made("png")))
    assert before == (len(list(open_files.iterdir())), children.read_text())
    assert [] == list(tmp_path.iterdir())
