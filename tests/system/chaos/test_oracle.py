"""The oracle notices each kind of harm: a world in which all is well, and one thing broken in it."""

import json
from dataclasses import replace

from tests.system.chaos.oracle import Entry, Promise, TaskKey, Told, Version, World, judge

FILM, OTHER, SPOILED, FAILED = (TaskKey("kie", name) for name in ("t1", "t2", "t3", "t4"))
KEY = "assets/kie/t1/video-a1.mp4"


def manifest(key: str, digest: str, version: str = "v1") -> Version:
    body = json.dumps({"object": {"key": key, "sha256": digest, "version_id": version}}).encode()
    return Version(key.rsplit(".", 1)[0] + ".manifest.json", "m1", "digest-of-manifest", body)


def life(asset: str, end: str, reason: str | None = None) -> list[Entry]:
    return [Entry("asset", asset, None, "waiting"), Entry("asset", asset, "waiting", end, reason)]


def well() -> World:
    """Two films archived, a file that was none quarantined, a task that failed at its provider."""
    second = "assets/kie/t2/video-a2.mp4"
    return World(
        promises=[
            Promise(FILM, "archived", ("d1",)), Promise(OTHER, "archived", ("d2",)), Promise(SPOILED, "ended"),
            Promise(FAILED, "failed"),
        ],
        made={FILM: frozenset({"d1"}), OTHER: frozenset({"d2"}), SPOILED: frozenset({"d3"})},
        versions=[Version(KEY, "v1", "d1"), manifest(KEY, "d1"), Version(second, "v1", "d2"), manifest(second, "d2")],
        audit=[
            *life("a1", "archived"), *life("a2", "archived"), *life("a3", "quarantined", "web_page"),
            Entry("task", "k4", None, "open"), Entry("task", "k4", "open", "failed"),
        ],
        assets={"a1": FILM, "a2": OTHER, "a3": SPOILED},
        tasks={"k1": FILM, "k2": OTHER, "k3": SPOILED, "k4": FAILED},
        told=[Told("msg_1", "asset.archived", "a1"), Told("msg_2", "asset.archived", "a2")],
        takeovers=[1.0, 2.0],
    )  # fmt: skip


def test_judge__all_is_well() -> None:
    """Of a world in which every promise was kept nothing is said."""
    assert [] == judge(well())


def test_judge__a_lost_asset() -> None:
    """A file that was acknowledged and stands nowhere is lost, whatever the audit log says of it."""
    world = well()
    broken = judge(replace(world, versions=world.versions[2:]))
    assert "kie/t1: a file of it was acknowledged and is lost (d1)" in broken
    assert "asset a1 is archived and nothing stands in the store" in broken


def test_judge__a_task_nobody_knows() -> None:
    """A task that was acknowledged and is in no ledger is lost."""
    world = well()
    broken = judge(replace(world, tasks={"k2": OTHER, "k3": SPOILED, "k4": FAILED}))
    assert ["kie/t1 was acknowledged and is unknown"] == broken


def test_judge__an_extra_version() -> None:
    """A second version of an object is one too many, though it holds the same bytes."""
    world = well()
    broken = judge(replace(world, versions=[*world.versions, Version(KEY, "v2", "d1")]))
    assert ["asset a1 has 2 object versions and 1 manifests"] == broken


def test_judge__an_extra_object_without_conditional_puts() -> None:
    """Where the store has no conditional puts it is remarked, as long as the manifest names one whole object."""
    world = well()
    extra = Version(KEY.replace(".mp4", ".mov"), None, "d1")
    world = replace(world, versions=[*world.versions, extra], conditional_puts=False)
    assert [] == judge(world)
    assert ["asset a1 has 2 object versions and 1 manifests"] == world.remarks


def test_judge__a_truncated_object() -> None:
    """An object that is not, byte for byte, what the provider made is a partial one, and so is an old version of it."""
    world = well()
    broken = judge(replace(world, versions=[*world.versions, Version(KEY, "v0", "half of d1")]))
    assert f"{KEY} (version v0) is not a whole file of its task" in broken


def test_judge__a_manifest_that_names_another_object() -> None:
    """A manifest names key, version and digest of the one object."""
    world = well()
    broken = judge(replace(world, versions=[world.versions[0], manifest(KEY, "d1", "v7"), *world.versions[2:]]))
    assert ["asset a1 is archived and no manifest names its object"] == broken


def test_judge__a_manifest_without_its_object() -> None:
    """A manifest that stands before its object is a promise about nothing."""
    world = well()
    alone = manifest("assets/kie/t3/video-a3.mp4", "d3")
    assert ["asset a3 has a manifest and no object"] == judge(replace(world, versions=[*world.versions, alone]))


def test_judge__a_doubled_audit_entry() -> None:
    """Each transition is one entry, and begins where the one before it ended."""
    world = well()
    broken = judge(replace(world, audit=[*world.audit, Entry("asset", "a1", "waiting", "archived")]))
    assert "asset a1: an entry says waiting → archived after archived" in broken
    assert "asset a1 was archived 2 times" in broken
    born_twice = judge(replace(world, audit=[Entry("asset", "a1", None, "waiting"), *world.audit]))
    assert ["asset a1: an entry says None → waiting after waiting"] == born_twice


def test_judge__what_never_ends() -> None:
    """A file that still waits after everything came to its end was forgotten."""
    world = well()
    broken = judge(replace(world, audit=[*world.audit, Entry("asset", "a9", None, "waiting")]))
    assert ["asset a9 never ended (waiting)"] == broken


def test_judge__an_end_without_a_cause() -> None:
    """What is not archived ends with a named cause."""
    world = well()
    broken = judge(replace(world, audit=[*life("a1", "archived"), *life("a2", "archived"), *life("a3", "lost"),
                                         *world.audit[-2:]]))  # fmt: skip
    assert ["kie/t3 has no named end"] == broken


def test_judge__a_leftover() -> None:
    """A file left in the spool is reported."""
    assert ["left in the spool: tmp1"] == judge(replace(well(), leftovers=["tmp1"]))


def test_judge__nobody_was_told() -> None:
    """Each archived file is told of at least once, however often under one id."""
    world = well()
    again = Told("msg_1", "asset.archived", "a1")
    assert [] == judge(replace(world, told=[*world.told, again]))
    assert ["asset a1 is archived and nobody was told"] == judge(replace(world, told=world.told[1:]))
    other = replace(world, told=[*world.told, Told("msg_3", "asset.archived", "a1")])
    assert ["asset a1: told under 2 ids"] == judge(other)
    early = replace(world, told=[*world.told, Told("msg_4", "asset.archived", "a3")])
    assert ["asset a3: told that it is archived, and it is not"] == judge(early)


def test_judge__killed_work_that_waits() -> None:
    """What a killed worker had in hand is worked on again in time, 99 times of 100."""
    world = replace(well(), takeovers=[1.0] * 99 + [31.0], takeover_limit=30.0)
    assert ["killed work was taken up after 31.0 s (p99), and 30.0 s are promised"] == judge(world)
