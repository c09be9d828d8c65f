"""The settings that `reelkeep up` begins with."""

import re
from pathlib import Path

from archive import settings, starter
from archive.providers import PROVIDERS
from tests.builders import SECRET


def test_settings__are_accepted_with_every_table_opened(tmp_path: Path) -> None:
    """As it stands the file is accepted; with every `#` taken away it names each provider, and an application."""
    path = starter.settings(tmp_path)
    assert ["kie"] == list(settings.load({"REELKEEP_CONFIG": str(path)}).sources)
    path.write_text(re.sub(r"(?m)^# (?=\[|\w+ = )", "", path.read_text()))
    keys = dict.fromkeys(re.findall(r"env:(\w+)", path.read_text()), "k")
    opened = settings.load({"REELKEEP_CONFIG": str(path), **keys, "REELKEEP_SECRET": SECRET})
    assert ["app"] == [target.name for target in opened.notify]
    assert set(PROVIDERS) == set(opened.sources) == {source.provider for source in opened.sources.values()}
    assert all(source.api_key for source in opened.sources.values())


def test_secrets__are_made_once_and_kept(tmp_path: Path) -> None:
    """A second start finds the same secrets, which nobody else may read."""
    first = starter.secret(tmp_path, "signing.key")
    assert first == starter.secret(tmp_path, "signing.key")
    assert 0o600 == (tmp_path / "secrets" / "signing.key").stat().st_mode & 0o777
