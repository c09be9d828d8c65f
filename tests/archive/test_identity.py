"""Names fixed at first sight. The literal values are a promise: a new version finds what an old one stored."""

import hashlib
from dataclasses import replace
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.identity import asset_id, delivery_id, manifest_key, object_prefix, task_key
from archive.model import Output
from tests.builders import output
from tests.doubles import START

HOSTILE = [
    "../..", "..", ".", "...", "/", "//", "/etc/passwd", "a/../../b", "a/b", "\x00", "a\x00b", "\r\nx-amz-acl: public",
    "a" * 4096, "🎬" * 1024, "é", "e\u0301", "%2e%2e", "%", "%00", "a b", "a\\b", "C:\\x", "~", "-rf", "", "a?b=c",
    "a#b", "\u202e", "a\x1fb", ".git", "CON",
]  # fmt: skip


def test_identities__are_stable() -> None:
    """The ids of a task, its outputs and a delivery are these, for ever."""
    assert "65c57472b55b5cac62ead4086b6a0af5" == task_key("kie", "t1")
    assert "6aa422a2ddaaee699cf1eeceae06df71" == asset_id("kie", "t1", output("/t1.mp4"))
    assert "8da01bb4eded5d465d73aa8a99da666d" == asset_id("kie", "t1", replace(output("/t1.mp4"), output_id="out-1"))
    assert hashlib.sha256(b"kie\x00body\x00{}").hexdigest() == delivery_id("kie", b"{}", None)
    assert hashlib.sha256(b"kie\x00id\x00msg_1").hexdigest() == delivery_id("kie", b"{}", "msg_1")
    by_callback = hashlib.sha256(b"kie\x00callback\x00c1\x00body\x00{}").hexdigest()
    assert by_callback == delivery_id("kie", b"{}", None, "c1")


def test_asset_id__survives_a_new_signature() -> None:
    """Another query, another host or another expiry is the same output; another path, role or task is another one."""
    one = output("/a.mp4", query="sig=1")
    same = output("/a.mp4", query="sig=2&expires=9", at=START.replace(year=2027))
    assert asset_id("kie", "t1", one) == asset_id("kie", "t1", same)
    others = [
        asset_id("kie", "t1", output("/b.mp4")),
        asset_id("kie", "t2", one),
        asset_id("other", "t1", one),
        asset_id("kie", "t1", replace(one, role="cover")),
        asset_id("kie", "t1", replace(one, output_id="/a.mp4")),
        asset_id("kie", "t1", replace(one, output_id="a")),
    ]
    assert 7 == len({asset_id("kie", "t1", one), *others})


def test_asset_id__of_an_output_with_an_id_ignores_its_link() -> None:
    """Where the provider names its outputs, the name alone is the identity."""
    one, moved = (replace(output(path), output_id="out-1") for path in ("/a.mp4", "/moved/b.mp4"))
    assert asset_id("kie", "t1", one) == asset_id("kie", "t1", moved)


@given(st.tuples(st.text(st.characters()), st.text(st.characters())), st.tuples(st.text(), st.text()))
def test_task_key__no_two_tasks_share_one(one: tuple[str, str], other: tuple[str, str]) -> None:
    """Source and task id cannot be shifted into each other, whatever characters they hold."""
    assert (one == other) == (task_key(*one) == task_key(*other))


@pytest.mark.parametrize(("one", "other"), [(("a\x1fb", "c"), ("a", "b\x1fc")), (("a\x1f", "b"), ("a", "\x1fb"))])
def test_task_key__separators_inside(one: tuple[str, str], other: tuple[str, str]) -> None:
    """The separator within a name is no separator."""
    assert task_key(*one) != task_key(*other)


def test_delivery_id__of_a_sender_is_its_own() -> None:
    """The sender's id decides alone; without one, one byte more is another delivery; sources never share."""
    assert delivery_id("kie", b"a", "m1") == delivery_id("kie", b"b", "m1")
    assert 4 == len({delivery_id("kie", b"a", None), delivery_id("kie", b"a ", None), delivery_id("o", b"a", None),
                     delivery_id("kie", b"", "a")})  # fmt: skip
    assert 64 == len(delivery_id("kie", b"", "\ud800"))


@pytest.mark.parametrize("task_id", HOSTILE, ids=[repr(name[:12]) for name in HOSTILE])
def test_object_prefix__hostile_task_ids_stay_in_their_folder(task_id: str) -> None:
    """F23: a key has exactly four parts, none of them empty, `.` or `..`, at most 1,024 bytes, all visible ASCII."""
    assert_tame(task_id)


@given(st.text(max_size=600))
def test_object_prefix__any_task_id_stays_in_its_folder(task_id: str) -> None:
    """The same for any text at all."""
    assert_tame(task_id)


def assert_tame(task_id: str) -> None:
    key = object_prefix("s" * 63, task_id, "video", "0" * 32) + ".manifest.json"
    parts = key.split("/")
    assert ("assets", "s" * 63, f"video-{'0' * 32}.manifest.json") == (parts[0], parts[1], parts[3])
    assert 4 == len(parts)
    assert parts[2] not in {".", ".."}
    assert bool(parts[2]) is bool(task_id)
    assert len(key.encode()) <= 1024
    assert key.isascii()
    assert key.isprintable()
    assert PurePosixPath("assets") in PurePosixPath(key).parents


def test_object_prefix__long_ids_with_one_beginning_differ_by_their_asset() -> None:
    """What cutting a long id takes away, the asset id keeps apart."""
    ids = ["x" * 500 + "a", "x" * 500 + "b"]
    keys = {object_prefix("kie", one, "video", asset_id("kie", one, output("/v.mp4"))) for one in ids}
    assert 2 == len(keys)


def test_object_prefix__as_documented() -> None:
    """`assets/{source}/{task}/{role}-{asset_id}`, readable for ordinary ids."""
    assert "assets/kie/task_1.a-b/video-ff" == object_prefix("kie", "task_1.a-b", "video", "ff")
    assert "assets/kie/%2E%2E/video-ff" == object_prefix("kie", "..", "video", "ff")


def test_manifest_key__stands_beside_its_object() -> None:
    """Same name, ending `.manifest.json`; dots in the task's part stay."""
    assert "assets/kie/a.b/video-ff.manifest.json" == manifest_key("assets/kie/a.b/video-ff.mp4")


def test_output__ordinal_is_no_part_of_identity() -> None:
    """A result listed in another order is still the same files."""
    first: Output = output("/a.mp4", ordinal=0)
    assert asset_id("kie", "t1", first) == asset_id("kie", "t1", replace(first, ordinal=3))
