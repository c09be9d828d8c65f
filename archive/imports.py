"""
Read a list of tasks from a file: CSV with a header, or JSON Lines. Pure: bytes in, rows and mistakes out.

Columns (keys): `source`, `task_id`, `external_id`, `expected_by` (ISO 8601 with its zone), `metadata` (a JSON object)
and any number of `meta.KEY`, each one word of the metadata. Every mistake is told, with its line.
"""

import csv
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from archive.documents import parse
from archive.errors import MalformedDeliveryError, NotUnderstoodError
from archive.grammar import check_name

MAX_LINE = 1 << 16  # characters; a thousand such lines still make requests of a bearable size
COLUMNS = ("source", "task_id", "external_id", "expected_by", "metadata")
META = "meta."
_FIRST, _LAST = datetime(2020, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
_ENDINGS = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}


@dataclass(frozen=True)
class Row:
    """One task, and the line on which it begins."""

    line: int
    source: str
    task_id: str
    external_id: str | None = None
    expected_by: datetime | None = None
    metadata: Mapping[str, Any] | None = field(default=None, repr=False)

    @property
    def said(self) -> tuple[Any, ...]:
        """What two rows about the same task must have in common."""
        return self.external_id, self.expected_by, self.metadata


@dataclass(frozen=True)
class Mistake:
    """What is wrong, as a sentence, and on which line."""

    line: int
    text: str


class _WrongError(Exception):
    """One or more sentences about one row."""


def read(raw: bytes, name: str = "", *, source: str | None = None) -> tuple[list[Row], list[Mistake]]:
    """
    The tasks of a file called *name*, in order, each once, and everything that is wrong with it.

    *source* is meant where a row names none. Without a telling ending the content says what the file is: JSON Lines
    begin with a brace.
    """
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        return [], [Mistake(raw.count(b"\n", 0, exc.start) + 1, "This is not UTF-8.")]
    ending = "." + name.rpartition(".")[2].lower()
    form = _ENDINGS.get(ending) or ("jsonl" if text.lstrip().startswith("{") else "csv")
    mistakes: list[Mistake] = []
    rows: dict[tuple[str, str], Row] = {}
    for line, given in (_json_lines if form == "jsonl" else _csv)(text, mistakes):
        try:
            row = _row(line, given, source)
        except _WrongError as exc:
            mistakes += [Mistake(line, sentence) for sentence in exc.args]
            continue
        same = rows.setdefault((row.source, row.task_id), row)
        if same.said != row.said:
            mistakes.append(
                Mistake(line, f"This task stands on line {same.line} already, and is told otherwise there.")
            )
    return list(rows.values()), sorted(mistakes, key=lambda mistake: mistake.line)


def _json_lines(text: str, mistakes: list[Mistake]) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        if len(line) > MAX_LINE:
            mistakes.append(Mistake(number, _TOO_LONG))
            continue
        given = _object(line)
        if given is None:
            mistakes.append(Mistake(number, "This is not a JSON object."))
            continue
        unknown = [key for key in given if not _is_known(key)]
        mistakes += [Mistake(number, f"There is no field {_shown(key)}.") for key in unknown]
        yield number, given


def _csv(text: str, mistakes: list[Mistake]) -> Iterator[tuple[int, dict[str, Any]]]:
    reader = csv.reader(_bounded(text), strict=True)
    header: list[str] | None = None
    begins = 1
    try:
        for cells in reader:
            line, begins = begins, reader.line_num + 1
            if not any(cell.strip() for cell in cells):
                continue
            if header is None:
                header = [cell.strip() for cell in cells]
                if wrong := _wrong_header(header):
                    mistakes += [Mistake(line, sentence) for sentence in wrong]
                    return
            elif len(cells) > len(header):
                mistakes.append(Mistake(line, f"There are {len(cells)} cells under {len(header)} columns."))
            else:
                yield line, {key: cell for key, cell in zip(header, cells, strict=False) if cell.strip()}
    except _WrongError as exc:
        mistakes.append(Mistake(reader.line_num + 1, str(exc)))
    except csv.Error:
        mistakes.append(Mistake(begins, "This cannot be read as CSV (a quotation mark is missing, or one too many)."))


def _bounded(text: str) -> Iterator[str]:
    for line in io.StringIO(text, newline=""):
        if len(line) > MAX_LINE:
            raise _WrongError(_TOO_LONG)
        yield line


_TOO_LONG = f"This line is longer than {MAX_LINE:,} characters."


def _wrong_header(header: list[str]) -> list[str]:
    if len(header) == 1 and any(mark in header[0] for mark in ";\t"):
        return ["The columns must be separated by commas."]
    found = [f"There is no column {_shown(name)}." for name in header if not _is_known(name)]
    found += [f"The column {_shown(name)} is there twice." for name in sorted(set(header)) if header.count(name) > 1]
    return found if "task_id" in header else [*found, "The first line must name the columns; task_id is missing."]


def _is_known(name: str) -> bool:
    return name in COLUMNS or (name.startswith(META) and len(name) > len(META))


def _row(line: int, given: Mapping[str, Any], source: str | None) -> Row:
    """Raises _WrongError with a sentence for each thing that is wrong."""
    wrong: list[str] = []
    metadata = _metadata(given, wrong)
    row = Row(
        line,
        _name(given, "source", wrong) or source or "",
        _name(given, "task_id", wrong) or "",
        _name(given, "external_id", wrong),
        _instant(given, wrong),
        metadata,
    )
    if not row.source and not wrong:
        wrong.append("The source is missing (a column source, or --source).")
    if not row.task_id and given.get("task_id") in (None, ""):
        wrong.append("The task_id is missing.")
    if wrong:
        raise _WrongError(*wrong)
    return row


def _name(given: Mapping[str, Any], key: str, wrong: list[str]) -> str | None:
    value = given.get(key)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        wrong.append(f"The {key} is not text.")
        return None
    try:
        return check_name(value.strip(), key)
    except NotUnderstoodError:
        wrong.append(f"The {key} is not 1 to 512 printable characters without spaces.")
        return None


def _instant(given: Mapping[str, Any], wrong: list[str]) -> datetime | None:
    value = given.get("expected_by")
    if value is None or value == "":
        return None
    try:
        found = datetime.fromisoformat(value.strip())
    except (ValueError, AttributeError, TypeError):
        wrong.append("The expected_by is not an instant (2026-11-21T12:00:00Z).")
        return None
    if found.tzinfo is None:
        wrong.append("The expected_by has no time zone (2026-11-21T12:00:00Z).")
        return None
    if not _FIRST <= found < _LAST:
        wrong.append("The expected_by cannot be meant: it is before 2020 or after 2099.")
        return None
    return found.astimezone(UTC)


def _metadata(given: Mapping[str, Any], wrong: list[str]) -> dict[str, Any] | None:
    value = given.get("metadata")
    found = _object(value) if isinstance(value, str) and value.strip() else {} if value in (None, "") else value
    if not isinstance(found, dict):
        wrong.append("The metadata is not a JSON object.")
        return None
    words = {key.removeprefix(META): word for key, word in given.items() if key.startswith(META) and word is not None}
    wrong += [f"The metadata says {_shown(key)} twice." for key in words if key in found]
    return {**found, **words} or (None if value in (None, "") else {})


def _object(text: str) -> dict[str, Any] | None:
    """The JSON object that *text* is, without what could not be sent on; None where it is none."""
    try:
        found = parse(text.encode())
        json.dumps(found, ensure_ascii=False).encode()  # half a surrogate pair is no character
    except (MalformedDeliveryError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _shown(name: str) -> str:
    """A stranger's word within a sentence."""
    return "".join(c if c.isprintable() else "?" for c in name[:60]) or '""'
