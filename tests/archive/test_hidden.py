"""Which strings are secrets."""

from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr

from archive.hidden import secrets_of
from archive.settings import Settings
from tests.builders import SECRET

DOCUMENT: dict[str, Any] = {
    "server": {
        "operator_tokens": ["operator-token"],
        "viewer_tokens": ["viewer-token"],
        "signing_keys": ["signing-key-" * 3],
    },
    "ledger": {"url": "postgresql+psycopg://u:ledger%2Fpass@h/d"},
    "queue": {"url": "redis://:queue-pass@h/0"},
    "sources": {
        "kie": {
            "provider": "kie",
            "webhook_keys": ["webhook-key"],
            "tokens": ["callback-token-of-kie"],
            "api_key": "api-key-of-kie",
            "proxy_keys": ["proxy-key-of-kie"],
        }
    },
    "notify": [{"name": "app", "url": "https://h/hooks/in-its-path", "secrets": [SECRET]}],
}


def test_secrets_of__every_secret_of_the_settings() -> None:
    """Tokens, keys, passwords in URLs as they stand and decoded, targets' URLs, and the store's credentials."""
    found = secrets_of(
        Settings.model_validate(DOCUMENT, context={"mints": True}), {"AWS_SECRET_ACCESS_KEY": "s3-secret"}
    )
    expected = {
        "operator-token", "viewer-token", "signing-key-" * 3, "ledger%2Fpass", "ledger/pass", "queue-pass",
        "webhook-key", "callback-token-of-kie", "api-key-of-kie", "proxy-key-of-kie", "https://h/hooks/in-its-path",
        SECRET, "s3-secret",
    }  # fmt: skip
    assert set() == expected - set(found)
    assert sorted(found, key=len, reverse=True) == found
    assert not {"kie", "app", "videos", "127.0.0.1"} & set(found)


def test_secrets_of__settings_yet_to_come() -> None:
    """A new setting needs no line here: a secret type, a password in a URL, anything under a list or a table."""

    class Proxy(BaseModel):
        url: str
        keys: dict[str, tuple[SecretStr, ...]]
        folder: Path = Path()
        malformed: str = "http://[::1"

    found = secrets_of(Proxy(url="http://u:pass-word@h:3128", keys={"a": (SecretStr("key-one"),)}))
    assert ["pass-word", "key-one"] == sorted(set(found), key=len, reverse=True)
