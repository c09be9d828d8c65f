"""Generated inputs that several suites share, and what must hold for any of them."""

import re
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from archive.errors import ReelkeepError
from archive.identity import asset_id
from archive.model import Event, Progress

_texts = st.text(st.characters(exclude_categories=()))  # lone surrogates too: JSON can write them
json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | _texts,
    lambda inner: st.lists(inner) | st.dictionaries(_texts, inner),
    max_leaves=12,
)
links = st.sampled_from(
    [
        "https://h.example/a.mp4",
        "https://h.example/b.png",
        "https://h.example/a.mp4?s=2",
        "https://h.example",
        "https://[::1",
        "file:///etc",
        "",
    ]
)


def objects(fields: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[dict[str, Any]]:
    """JSON objects with all of *fields* in their documented form, or with some, each in that form or any other."""
    some = st.fixed_dictionaries({}, optional={name: likely | json_values for name, likely in fields.items()})
    return st.fixed_dictionaries(fields) | some


def assert_reads(act: Callable[[], Event]) -> None:
    """Reading ends in an event with its task, and files on success only, or in an error of ours with a slug."""
    slug = re.compile(r"[a-z0-9_]{1,60}")
    reason: str | None
    try:
        event = act()
    except ReelkeepError as exc:
        reason = exc.reason
    else:
        reason = event.reason
        assert event.task_id
        assert bool(event.outputs) == (event.progress is Progress.SUCCEEDED)
        assert len(event.outputs) == len({asset_id("s", event.task_id, output) for output in event.outputs})
    assert reason is None or slug.fullmatch(reason)


_odd = st.text(st.sampled_from("htps:/@?#[]%.0123456789aexn-_ \t\n\x00\\\u3002\uff0e\u2460\xe9"), max_size=20)
_hosts = (
    st.sampled_from(["files.example", "127.0.0.1", "[::1]", "xn--", "0x7f.1", "[::ffff:7f00:1]", "a_b.example."])
    | st.from_regex(r"\A(xn--[a-z0-9-]{1,12}\.)?[A-Za-z0-9_-]{1,20}(\.[A-Za-z0-9-]{1,20}){0,3}\.?\Z")
    | st.ip_addresses().map(lambda ip: str(ip) if ip.version == 4 else f"[{ip}]")
    | _odd
)
_targets = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=60) | _odd | st.text(max_size=10)
_ports = st.sampled_from(["", ":", ":443", ":0", ":0443", ":65535", ":65536", ":x"]) | st.integers(0).map(":{}".format)
# URLs from well formed to hopeless, most of them nearly right.
odd_urls: st.SearchStrategy[str] = st.tuples(
    st.sampled_from(["https://"] * 8 + ["http://", "HTTPS://", "https:", "//", ""]) | _odd,
    st.sampled_from([""] * 8 + ["u@", ":@", "files.example\\@"]),
    _hosts,
    _ports,
    st.sampled_from(["", "/", "/", "?", "#"]),
    _targets,
).map("".join) | st.text(max_size=30)
