"""Secrets are compared in constant time: one function does it, and nothing else compares what may be one."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("archive", "receiver", "workers", "reelkeep")
# Words of this house for what a stranger may try to guess, or sends to be compared with it.
WORDS = frozenset({
    "api_key", "expected", "given", "operator_tokens", "password", "proof", "proxy_keys",
    "secret", "secrets", "signature", "signatures", "signing_keys", "token", "tokens", "viewer_tokens", "webhook_keys",
    "get_secret_value", "hmac_sha256_base64", "_signature", "_proof",
})  # fmt: skip


def comparisons(tree: ast.AST) -> Iterator[ast.Compare]:
    """Where something that may be a secret is compared with anything but a constant."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Compare) or not isinstance(node.ops[0], ast.Eq | ast.NotEq | ast.In | ast.NotIn):
            continue
        sides = [node.left, *node.comparators]
        if not any(map(_is_constant, sides)) and any(WORDS & _words(side) for side in sides):
            yield node


def _is_constant(side: ast.expr) -> bool:
    return isinstance(side, ast.Constant) or (isinstance(side, ast.Tuple) and all(map(_is_constant, side.elts)))


def _words(side: ast.AST) -> set[str]:
    names = {node.id for node in ast.walk(side) if isinstance(node, ast.Name)}
    return names | {node.attr for node in ast.walk(side) if isinstance(node, ast.Attribute)}


@pytest.mark.parametrize("package", PACKAGES)
def test_no_secret_is_compared_but_in_constant_time(package: str) -> None:
    """`==` and `in` end at the first character that differs, which a stranger can measure (F80)."""
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}: {ast.unparse(node)}"
        for path in sorted((ROOT / package).rglob("*.py"))
        for node in comparisons(ast.parse(path.read_text()))
    ]
    assert [] == found


def test_comparisons__are_seen() -> None:
    """The rule sees names, attributes and calls on either side, and lets constants be."""
    seen = "a == token\nx.api_key.get_secret_value() != b\ngiven in keys\n"
    text = f"{seen}if token == '': pass\ntoken is None\nsize == 4\ntoken in (None, '')"
    assert [1, 2, 3] == [node.lineno for node in comparisons(ast.parse(text))]
