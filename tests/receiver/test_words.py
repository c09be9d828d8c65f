"""The console has words for the reasons an operator may read, and `advice` for what keeps a target from its news."""

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from archive.advice import advice
from archive.errors import WireError

ROOT = Path(__file__).parents[2]
WORDS = (ROOT / "receiver/console/words.js").read_text()
# What is raised here may end up as the reason of an asset, a task's look or a delivery. Creating is answered at once.
MODULES = sorted(
    path
    for pattern in ("workers/**/*.py", "archive/providers/**/*.py", "archive/[dmu]*.py", "archive/s3.py")
    for path in ROOT.glob(pattern)
    if not path.stem.startswith("__") and not path.stem.endswith("_create")
    if path.stem not in {"creating", "ordering", "media_child", "without"}
)
NEVER_SHOWN = {"VerificationError", "ProbeError", "ClaimLostError", "StoppedError"}
ON_THE_WIRE = set(re.findall(r"`(\w+)`", WireError.__doc__ or ""))
LINKS = {"address_not_public", "credentials_in_link", "link_malformed", "port_not_allowed", "scheme_not_allowed"}


def table(name: str) -> set[str]:
    """The slugs of one of the console's tables."""
    [body] = re.findall(rf"const {name} = {{.*?\n(.*?)\n}};", WORDS, re.DOTALL)
    return set(re.findall(r"^  (\w+): \"", body, re.MULTILINE))


def raised(path: Path) -> Iterator[str]:
    """The slugs that a module makes errors with: written there, or a constant of its own or of another module."""
    known = vars(importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts)))
    calls = (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call) and node.args)
    for call in calls:
        if not isinstance(call.func, ast.Name) or not call.func.id.endswith("Error") or call.func.id in NEVER_SHOWN:
            continue
        first = call.args[0]
        for each in (first.body, first.orelse) if isinstance(first, ast.IfExp) else (first,):
            said = known.get(each.id) if isinstance(each, ast.Name) else getattr(each, "value", None)
            if isinstance(said, str) and re.fullmatch("[a-z]+(_[a-z0-9]+)*", said):
                yield said


def test_reasons__each_has_words() -> None:
    """Whatever we give as the reason of an asset, a look or a delivery, the console says what it means."""
    slugs = {slug for path in MODULES for slug in raised(path)} | ON_THE_WIRE
    assert {"short_body", "host_rests", "spool_unavailable", "too_deep", "proxy_refused", "truncated"} <= slugs
    by_pattern = re.compile(r"http_\d+|.+_(missing|not_.+|unknown)")
    assert set() == {slug for slug in slugs - table("REASONS") if not by_pattern.fullmatch(slug)}


@pytest.mark.parametrize("slug", sorted(ON_THE_WIRE | LINKS | {"target_removed", "unexpected_error"}))
def test_refusals__each_has_words_and_advice(slug: str) -> None:
    """Whatever keeps a notification from its target has words in the console, and a sentence on what to do."""
    assert slug in table("REFUSALS")
    assert advice(slug)
