"""Lists of tasks: what is read from CSV and JSON Lines, and what is told of a file that is not as it must be."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.imports import MAX_LINE, Row, read

AT = datetime(2026, 11, 14, 8, 30, tzinfo=UTC)
names = st.text("abcXYZ019-_.:/éЖ", min_size=1, max_size=40)
words = st.dictionaries(st.text(max_size=8), st.none() | st.integers() | st.text(max_size=8), max_size=3)
instants = st.integers(0, 10**9).map(lambda seconds: AT + timedelta(seconds=seconds))
rows = st.builds(
    Row, st.just(0), names, names, st.none() | names, st.none() | instants, st.none() | words.filter(bool)
)  # fmt: skip


def told(row: Row) -> dict[str, Any]:
    return {
        "source": row.source,
        "task_id": row.task_id,
        "external_id": row.external_id,
        "expected_by": row.expected_by.isoformat() if row.expected_by else None,
        "metadata": row.metadata,
    }


def as_csv(given: list[Row]) -> bytes:
    file = io.StringIO()
    writer = csv.DictWriter(file, ("source", "task_id", "external_id", "expected_by", "metadata"))
    writer.writeheader()
    for row in given:
        writer.writerow(told(row) | {"metadata": json.dumps(row.metadata) if row.metadata else ""})
    return file.getvalue().encode()


def as_lines(given: list[Row]) -> bytes:
    return "\n".join(json.dumps(told(row)) for row in given).encode()


def said(raw: bytes, name: str = "ids.csv", source: str | None = None) -> list[tuple[int, str]]:
    """The mistakes of a file."""
    return [(mistake.line, mistake.text) for mistake in read(raw, name, source=source)[1]]


@given(st.lists(rows, max_size=6, unique_by=lambda row: (row.source, row.task_id)), st.booleans(), st.booleans())
def test_read__what_was_written(wanted: list[Row], is_csv: bool, has_bom: bool) -> None:
    """Both forms give back what was written, with or without a byte order mark, whatever the file is called."""
    raw = (b"\xef\xbb\xbf" if has_bom else b"") + (as_csv if is_csv else as_lines)(wanted)
    for name in ("-", "ids.csv" if is_csv else "ids.JSONL"):
        found, mistakes = read(raw, name)
        assert [] == mistakes or (not wanted and not is_csv)
        assert [told(row) for row in wanted] == [told(row) for row in found]


columns = st.sampled_from(("task_id", "source", "external_id", "expected_by", "metadata", "meta.a"))
values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
)
sheets = st.text(',"\n\r{}[]a0:-T+Z', max_size=80).map(
    lambda text: f"task_id,source,metadata,expected_by\n{text}".encode()
)
objects = st.dictionaries(columns, values).map(lambda value: json.dumps(value).encode())


@given(st.binary(max_size=300) | sheets | objects, st.sampled_from(("a.csv", "a.jsonl", "a")))
def test_read__hostile_bytes_are_mistakes(raw: bytes, name: str) -> None:
    """Whatever a file holds, it is read to an end: rows that can be sent on, and sentences with a line of the file."""
    found, mistakes = read(raw, name, source="kie")
    for row in found:
        assert row.task_id
        assert row.source
        json.dumps(told(row), ensure_ascii=False, allow_nan=False).encode()
    for mistake in mistakes:
        assert 1 <= mistake.line <= raw.count(b"\n") + raw.count(b"\r") + 2
        assert mistake.text.endswith((".", ")"))


def test_read__a_sheet_as_people_save_it() -> None:
    """Blank lines, rows of commas, missing last cells, line ends of Windows and columns of metadata are all fine."""
    raw = (
        b"task_id,expected_by,metadata,meta.order,meta.prompt\r\n\r\n"
        b't1,2026-11-14T09:30:00+01:00,"{""a"": 1}",7,"two\r\nlines"\r\n,,,,\r\nt2\r\n"t3",,,,\r\n'
    )
    found, mistakes = read(raw, "ids.csv", source="kie")
    assert [] == mistakes
    metadata = {"a": 1, "order": "7", "prompt": "two\r\nlines"}
    assert [Row(3, "kie", "t1", None, AT, metadata), Row(6, "kie", "t2"), Row(7, "kie", "t3")] == found


def test_read__every_mistake_has_its_line() -> None:
    """All that is wrong with a sheet is told at once, each with the line of its row."""
    raw = (
        b"source,task_id,external_id,expected_by,metadata,meta.a\n"
        b"kie,,,,,\n"  # 2
        b",t1,,,,\n"
        b'"a b",t\x011,e\xc2\xa0x,,,\n'  # 4
        b"kie,t2,,tomorrow,,\n"
        b"kie,t3,,2026-11-14T09:30:00,,\n"  # 6
        b"kie,t4,,1970-01-01T00:00:00Z,,\n"
        b"kie,t5,,,[],\n"  # 8
        b'kie,t6,,,"{""a"": 1}",2\n'
        b"kie,t7,,,,,,\n"  # 10
        b'kie,t8,,,"{""a"": NaN}",\n'
    )
    found, mistakes = read(raw, "ids.csv")
    assert [] == found
    assert [2, 3, 4, 4, 4, 5, 6, 7, 8, 9, 10, 11] == [mistake.line for mistake in mistakes]
    assert "The task_id is missing." == mistakes[0].text
    assert "source" in mistakes[1].text
    assert "no time zone" in mistakes[6].text


@pytest.mark.parametrize(
    ("raw", "line", "word"),
    [
        (b"task_id;source\nt1;kie\n", 1, "commas"),
        (b"task_id,colour\nt1,red\n", 1, "colour"),
        (b"task_id,task_id\nt1,t1\n", 1, "twice"),
        (b"source\nkie\n", 1, "task_id is missing"),
        (b"task_id\nt1\n\xff\n", 3, "UTF-8"),
        (b'task_id\nt1\n"t2\nt3\n', 3, "quotation mark"),
        (b"task_id\nt1\n" + b"x" * (MAX_LINE + 1), 3, "longer"),
        (b'{"task_id": "t1"}\n{"task_id": "t2"\n', 2, "JSON object"),
        (b'{"task_id": "t1"}\n["t2"]\n', 2, "JSON object"),
        (b'{"task_id": "t1", "taskId": "t2"}\n', 1, "taskId"),
        (b'{"task_id": 7}\n', 1, "not text"),
        (b'{"task_id": "t1", "metadata": {"a": "\\ud800"}}\n', 1, "JSON object"),
        (b'{"task_id": "t1", "metadata": "' + b"x" * MAX_LINE + b'"}', 1, "longer"),
        (b"{" * 30_000, 1, "JSON object"),
    ],
)
def test_read__one_mistake(raw: bytes, line: int, word: str) -> None:
    """Each kind of mistake is told once, on its line."""
    [(where, text)] = said(raw, "-", "kie")
    assert line == where
    assert word in text


def test_read__the_same_task_twice() -> None:
    """A task that stands in the file twice is one task; told in two ways it is a mistake that names both lines."""
    same = b"source,task_id,external_id\nkie,t1,a\nother,t1,b\nkie,t1,a\n"
    found, mistakes = read(same, "ids.csv")
    assert ([], ["kie", "other"]) == (mistakes, [row.source for row in found])
    [(line, text)] = said(same + b"kie,t1,c\n")
    assert 5 == line
    assert "line 2" in text


def test_row__does_not_show_metadata() -> None:
    """What a user says of a task stands in no traceback."""
    assert "secret" not in repr(Row(1, "kie", "t1", metadata={"prompt": "secret"}))


def test_read__an_instant_in_any_zone() -> None:
    """Instants come out in UTC, whatever zone they were told in."""
    [row] = read(b'{"task_id": "t1", "source": "kie", "expected_by": "2026-11-14T18:30:00+10:00"}')[0]
    assert (AT, timedelta(0)) == (row.expected_by, row.expected_by.utcoffset() if row.expected_by else None)
