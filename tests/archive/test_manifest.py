"""The manifest: facts at birth, and nothing that must not be locked for years."""

import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from archive.ledger.claims import Claim, Intent
from archive.manifest import build, describes
from archive.model import ExpiryOrigin, Link
from tests.doubles import START

LINK = Link("https://files.example/secret-path/v.mp4?sig=canary", START, ExpiryOrigin.DEFAULT)
CLAIM = Claim("a1", "kie", "k1", "t1", "video", 0, 3, "owner-canary", 1, "polled", LINK, None, START)
INTENT = Intent("videos", "assets/kie/t1/video-a1.mp4", 5, "ab" * 32, "video/mp4", '{"duration": 5.0}')


def test_build__every_field() -> None:
    """The whole document, literally: readers in ten years rely on these names."""
    at = datetime(2026, 11, 21, 20, 0, 0, 123456, tzinfo=timezone(timedelta(hours=8)))
    expected = {
        "manifest": 1,
        "asset": {"id": "a1", "source": "kie", "task_id": "t1", "role": "video"},
        "object": {
            "bucket": "videos",
            "key": "assets/kie/t1/video-a1.mp4",
            "version_id": "v1",
            "size": 5,
            "sha256": "ab" * 32,
            "content_type": "video/mp4",
        },
        "media": {"duration": 5.0},
        "origin": {"host": "files.example", "verdict": "polled"},
        "archived_at": "2026-11-21T12:00:00.123Z",
    }
    assert expected == json.loads(build(CLAIM, INTENT, "v1", at))


def test_build__no_link_and_no_owner() -> None:
    """Of the link only the host is told."""
    text = build(CLAIM, INTENT, None, START).decode()
    assert ["files.example"] == [
        word for word in ("canary", "secret-path", "v.mp4", "sig=", "files.example") if word in text
    ]


def test_build__the_same_bytes_for_the_same_facts() -> None:
    """Two workers that describe the same object write the same manifest; what no probe saw is empty."""
    blind = replace(INTENT, media=None)
    assert build(CLAIM, blind, None, START) == build(replace(CLAIM, fence=9, owner="other"), blind, None, START)
    assert {} == json.loads(build(CLAIM, blind, None, START))["media"]


def test_describes__its_own() -> None:
    """A manifest describes the asset and object it was built from, whatever version and instant it states."""
    assert describes(build(CLAIM, INTENT, "v2", START + timedelta(days=1)), CLAIM, INTENT)


@pytest.mark.parametrize(
    "standing",
    [
        build(replace(CLAIM, asset_id="a2"), INTENT, None, START),
        build(CLAIM, replace(INTENT, sha256="cd" * 32), None, START),
        build(CLAIM, replace(INTENT, key="assets/x"), None, START),
        b"", b"null", b"[]", b"{}", b'{"asset":7,"object":[]}', b'{"asset":{"id":"a1"}}', b"\xff", b"[" * 100_000,
    ],
)  # fmt: skip
def test_describes__anything_else(standing: bytes) -> None:
    """Another asset, other bytes, another key, or no manifest at all does not describe it."""
    assert not describes(standing, CLAIM, INTENT)
