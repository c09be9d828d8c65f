"""Files kept while a store is away: whole or not there, and never one for another (F20 to F23)."""

import errno
import os
import shutil
import subprocess
from collections.abc import Collection
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import pytest

from archive.ledger.claims import Intent
from workers.kept_files import ABANDONED, KeptFiles

BODY = bytes(range(256)) * 1000
ID = "a" * 32


def intent(body: bytes = BODY) -> Intent:
    return Intent("videos", "k", len(body), sha256(body).hexdigest(), "video/mp4", None)


def names(spool: Path) -> list[str]:
    return sorted(path.name for path in (spool / "kept").iterdir())


def test_keep__comes_back_as_it_was(tmp_path: Path) -> None:
    """What is kept is had again byte for byte, by every process of the spool, readable by its owner alone."""
    name = KeptFiles(tmp_path, 0).keep(ID, intent(), BytesIO(BODY))
    again = KeptFiles(tmp_path, 0)
    assert (True, name) == (again.has(ID, intent()), again.spool_id)
    assert name == again.keep(ID, intent(), BytesIO(BODY))
    with again.open(ID, intent()) or BytesIO() as file:
        assert BODY == file.read()
    [kept] = (tmp_path / "kept").iterdir()
    assert (0o600, 0o700) == (kept.stat().st_mode & 0o777, kept.parent.stat().st_mode & 0o777)
    again.drop(ID, intent())
    assert (False, None) == (again.has(ID, intent()), again.open(ID, intent()))


@pytest.mark.parametrize("spoiled", [BODY[:-1], BODY + b"x", b"x" + BODY[1:]], ids=["short", "long", "altered"])
def test_open__a_file_that_is_not_the_intents_is_never_given(tmp_path: Path, spoiled: bytes) -> None:
    """Shortened, lengthened or altered on the disk, it is removed instead of put."""
    kept = KeptFiles(tmp_path, 0)
    kept.keep(ID, intent(), BytesIO(BODY))
    [path] = (tmp_path / "kept").iterdir()
    path.write_bytes(spoiled)
    assert (None, []) == (kept.open(ID, intent()), names(tmp_path))


def test_open__follows_no_symbolic_link(tmp_path: Path) -> None:
    """F23: a link in place of a kept file leads nowhere."""
    kept = KeptFiles(tmp_path, 0)
    kept.keep(ID, intent(), BytesIO(BODY))
    [path] = (tmp_path / "kept").iterdir()
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    assert kept.open(ID, intent()) is None


@pytest.mark.parametrize("asset", ["../../etc/passwd", "a/b", "con\x00", "", "🎬", "x" * 4096, "."])
def test_names__nothing_of_a_strangers_becomes_one(tmp_path: Path, asset: str) -> None:
    """F23: only an id and a digest of our own making name a file."""
    with pytest.raises(ValueError, match="called by"):
        KeptFiles(tmp_path, 0).keep(asset, intent(), BytesIO(BODY))
    assert [] == list(tmp_path.iterdir())


def test_keep__the_reserve_stays_free(tmp_path: Path) -> None:
    """F20: a file that would eat into the reserve is not kept, and nothing is left of it."""
    kept = KeptFiles(tmp_path, 1 << 60)
    assert (None, False, []) == (kept.keep(ID, intent(), BytesIO(BODY)), kept.has_room(), names(tmp_path))


@pytest.mark.parametrize("step", ["copyfileobj", "fsync", "rename", "open"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EMFILE])
def test_keep__a_disk_that_fails_at_any_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, number: int
) -> None:
    """F20, F21: full, broken, or out of descriptors, at whatever step: not kept, nothing half there."""
    hit: list[str] = []

    def fail(*_: object, **__: object) -> None:
        hit.append(step)
        raise OSError(number, os.strerror(number))

    kept = KeptFiles(tmp_path, 0)
    (tmp_path / "id").write_text("i" * 32)
    where = {"copyfileobj": shutil, "fsync": os, "rename": Path, "open": os}[step]
    with monkeypatch.context() as patched:
        patched.setattr(where, step, fail)
        assert kept.keep(ID, intent(), BytesIO(BODY)) is None
    assert ([step], [], False) == (hit, names(tmp_path), kept.has(ID, intent()))


@pytest.mark.skipif(os.geteuid() != 0, reason="a full disk of its own needs root: ENOSPC of a real file system")
def test_keep__on_a_disk_that_is_full(tmp_path: Path) -> None:
    """F20: a real file system without room takes no file, keeps none of it, and takes one when there is room."""
    if subprocess.run(("/bin/mount", "-t", "tmpfs", "-o", "size=300k", "none", tmp_path), check=False).returncode:
        pytest.skip("mounting is not allowed here: ENOSPC of a real file system")
    try:
        kept = KeptFiles(tmp_path, 0)
        large = BODY * 2
        assert (None, []) == (kept.keep(ID, intent(large), BytesIO(large)), names(tmp_path))
        lying = Intent("videos", "k", 1, intent(large).sha256, "video/mp4", None)  # the disk itself has to say it
        assert (None, []) == (kept.keep(ID, lying, BytesIO(large)), names(tmp_path))
        assert kept.keep(ID, intent(), BytesIO(BODY))
    finally:
        subprocess.run(("/bin/umount", tmp_path), check=True)


def test_reap__only_what_nobody_waits_for(tmp_path: Path) -> None:
    """F22: what a waiting asset's intent names stays; other digests and assets, old parts and strangers' files go."""
    kept = KeptFiles(tmp_path, 0)
    waiting, ended, changed = "a" * 32, "b" * 32, "c" * 32
    for asset in (waiting, ended, changed):
        kept.keep(asset, intent(), BytesIO(BODY))
    folder = tmp_path / "kept"
    for name, age in (("old.part", ABANDONED + 60), ("young.part", 0), ("stranger.mp4", 0)):
        (folder / name).write_bytes(b"x")
        os.utime(folder / name, (folder.stat().st_mtime - age,) * 2)
    asked: list[str] = []

    def intents_of(ids: Collection[str]) -> dict[str, str]:
        asked.extend(ids)
        return {waiting: intent().sha256, changed: intent(b"another").sha256}

    assert 4 == kept.reap(intents_of)
    assert [waiting, ended, changed] == sorted(asked)
    assert sorted([f"{waiting}.{intent().sha256}", "young.part"]) == names(tmp_path)


def test_reap__an_empty_spool_asks_nobody(tmp_path: Path) -> None:
    """Where nothing was ever kept there is nothing to do."""
    assert 0 == KeptFiles(tmp_path, 0).reap(lambda _: pytest.fail("asked"))
