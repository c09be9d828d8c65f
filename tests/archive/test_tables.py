"""Rows as text for a terminal."""

from archive.tables import table


def test_table__aligned() -> None:
    """Columns line up, missing values are blank, nothing trails."""
    rows: list[dict[str, object]] = [{"id": "a", "size": 10}, {"id": "bbb", "size": None}, {"size": 7}]
    assert ["id   size", "a    10", "bbb", "     7"] == table(rows, ("id", "size")).split("\n")


def test_table__no_rows() -> None:
    """Nothing is said to be nothing."""
    assert "nothing" == table([], ("id",))


def test_table__what_a_stranger_named_cannot_move_the_cursor() -> None:
    """Control characters, line breaks and direction marks are shown, not obeyed."""
    hostile = "a\n\x1b[2J\r\x00\u202e\ud800"
    text = table([{"id": hostile}], ("id",))
    assert r"a\x0a\x1b[2J\x0d\x00\x202e\xd800" == text.split("\n")[1]
    assert 2 == len(text.split("\n"))
