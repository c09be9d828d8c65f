"""How a process begins: with settings it can use, in folders it can write to, and with files that are its own."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

MODULES = {"web": "receiver", "worker": "workers", "clock": "workers.clock"}
BEGIN = "import sys; from pathlib import Path; from archive.process import begin; begin(sys.argv[1]); print('begun')"


def begun(folder: Path, process: str, text: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    """What a process says that begins with *text* as its settings."""
    (folder / "reelkeep.toml").write_text(text)
    env = {"PATH": os.environ["PATH"], "REELKEEP_CONFIG": str(folder / "reelkeep.toml"), **environ}
    command = (sys.executable, "-c", BEGIN, process)
    return subprocess.run(command, env=env, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("place", ["file/spool", "file", "/proc/spool"])
def test_begin__a_folder_that_cannot_be_written_to(tmp_path: Path, place: str) -> None:
    """Spool and ledger are tried at the start: one line for each, exit status 78 (F82)."""
    (tmp_path / "file").touch()
    spool = Path(place) if place.startswith("/") else tmp_path / place
    text = f'[ledger]\nurl = "sqlite:///{spool}/ledger.db"\n[workers]\nspool = "{spool}"\n'
    done = begun(tmp_path, "worker", text)
    assert (78, "") == (done.returncode, done.stdout)
    first, *problems = done.stderr.splitlines()
    assert "reelkeep: the settings cannot be used:" == first
    assert ["  ledger.url", "  workers.spool"] == sorted(line.partition(": ")[0] for line in problems)
    assert all(f"{spool} cannot be written to (" in line for line in problems)


def test_begin__the_spool_is_the_workers_alone(tmp_path: Path) -> None:
    """Web and clock hold no videos, so they start without a spool, and leave none."""
    (tmp_path / "file").touch()
    for process in ("web", "clock"):
        done = begun(tmp_path, process, f'[workers]\nspool = "{tmp_path}/file/spool"\n')
        assert (0, "begun\n", "") == (done.returncode, done.stdout, done.stderr)


def test_begin__what_is_made_is_its_users_alone(tmp_path: Path) -> None:
    """The ledger holds links: its folder and its files are for nobody else to read (F80)."""
    program = BEGIN + "; from archive.ledger import migrate; from archive.ledger.database import Database"
    program += "; db = Database('sqlite:///own/ledger.db'); migrate.upgrade(db)"
    (tmp_path / "reelkeep.toml").write_text(
        '[ledger]\nurl = "sqlite:///own/ledger.db"\n[workers]\nspool = "own/spool"\n'
    )
    subprocess.run((sys.executable, "-c", program, "worker"), cwd=tmp_path, check=True, capture_output=True)
    made = [tmp_path / "own", *(tmp_path / "own").iterdir()]
    assert {"own", "ledger.db", "spool"} <= {path.name for path in made}
    assert {0} == {path.stat().st_mode & 0o077 for path in made}


@pytest.mark.parametrize("module", ["receiver", "workers", "workers.clock"])
def test_main__refuses_what_is_missing_or_misspelt(tmp_path: Path, module: str) -> None:
    """Each process ends at once with 78 and one line a mistake: a secret or file not there, a name misspelt."""
    text = (
        '[server]\noperator_tokens = ["env:NOT_SET"]\nprot = "canary-value"\n'
        '[sources.kie]\nprovider = "kie"\nwebhook_keys = ["file:not-there"]\n'
    )
    (tmp_path / "reelkeep.toml").write_text(text)
    env = {"PATH": os.environ["PATH"], "REELKEEP_CONFIG": "reelkeep.toml"}
    done = subprocess.run(
        (sys.executable, "-m", module), env=env, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=30
    )
    assert (78, "") == (done.returncode, done.stdout)
    assert [
        "reelkeep: the settings cannot be used:",
        "  server.operator_tokens.0: the environment variable NOT_SET is not set",
        "  server.prot: Extra inputs are not permitted",
        "  sources.kie.webhook_keys.0: the file not-there cannot be read, or is empty",
    ] == done.stderr.splitlines()


def test_stop__signals_in_a_row() -> None:
    """F04: however many signals come at once, a process that is told to stop hears the first and ends."""
    program = "from archive.process import stop_requested; it = stop_requested(); print('ready', flush=True); it.wait()"
    for _ in range(5):
        with subprocess.Popen((sys.executable, "-c", program), stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.readline()
            for _ in range(300):
                process.send_signal(signal.SIGTERM)
            try:
                assert 0 == process.wait(20)
            finally:
                process.kill()
