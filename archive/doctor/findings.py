"""What an examination is made of: steps, and what each found. A finding always says what to do about it."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    ERROR = "error"  # callbacks are lost or refused
    WARNING = "warning"  # they may be, or will be
    NOTE = "note"  # worth knowing


@dataclass(frozen=True)
class Finding:
    """`slug` stays the same between versions; `text` is one sentence and holds no token, key or body."""

    level: Level
    slug: str
    text: str
    advice: str


@dataclass(frozen=True)
class Step:
    """One thing that was looked at; one that was not `tried` found nothing because an earlier one failed."""

    name: str
    text: str
    findings: tuple[Finding, ...] = ()
    tried: bool = True

    @property
    def level(self) -> Level | None:
        """The worst of its findings."""
        found = {finding.level for finding in self.findings}
        return next((level for level in Level if level in found), None)


def error(slug: str, text: str, advice: str) -> Finding:
    return Finding(Level.ERROR, slug, text, advice)


def warning(slug: str, text: str, advice: str) -> Finding:
    return Finding(Level.WARNING, slug, text, advice)


def note(slug: str, text: str, advice: str) -> Finding:
    return Finding(Level.NOTE, slug, text, advice)
