"""Signatures are KIE's, by test vectors computed apart from this code."""

import pytest

from simulator.signature import sign, signed_headers


@pytest.mark.parametrize(
    ("task_id", "expected"),
    [
        pytest.param("seedance_xyz789abc", "1V4KbBrzhY9eBD592Ii/62FKCaW6Pkl7mfLSzkME5e4=", id="seed"),
        pytest.param("task_example_video_0001", "752Bxg0sIB5+ejhk3MNybtDtKTT51Vx4YLkHL4xyuK0=", id="market"),
        pytest.param(
            "ee603959-debb-48d1-98c4-a6d1c717eba6",
            "BJ4mzWK1WM7JcfBwfw842QqBiu2SVcHrxrkCoUe1Qcc=",
            id="runway",
        ),
    ],
)
def test_sign(task_id: str, expected: str) -> None:
    """A task id and a time, signed with the test key, give the signature computed elsewhere."""
    assert expected == sign("kie-test-hmac-key", task_id, 1764621945)


def test_sign__other_second() -> None:
    """The time is part of what is signed."""
    assert sign("k", "task", 1764621945) != sign("k", "task", 1764621946)


def test_signed_headers__no_key() -> None:
    """An account without a key sends no signature headers at all."""
    assert signed_headers(None, "task", 1764621945) == {}
