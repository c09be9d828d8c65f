"""What `reelkeep up` puts into an empty folder: settings to begin with, and secrets of their own making."""

import secrets
from pathlib import Path

SETTINGS = """\
# Made by `reelkeep up` on its first run; it is yours to change. docs/settings.md lists every setting.

[server]
operator_tokens = ["file:secrets/operator.token"]
signing_keys = ["file:secrets/signing.key"]

# Your application hears what became of each task: `reelkeep notify test` tries it. docs/notifications.md has more.
# [[notify]]
# name = "app"
# url = "https://app.example.com/hooks/reelkeep"
# secrets = ["env:REELKEEP_SECRET"]

# One table for each account at a provider: take away the # before yours. docs/providers has a page for each. With an
# API key every callback is confirmed, dead links are renewed, and what never calls back is found.

# KIE.ai: the key KIE shows under "webhook HMAC" goes into secrets/kie.webhook_key.
[sources.kie]
provider = "kie"
webhook_keys = ["file:secrets/kie.webhook_key"]
# api_key = "env:KIE_API_KEY"

# seedanceapi.org: give each task a URL of its own, `reelkeep callback-url seedanceapi`.
# [sources.seedanceapi]
# provider = "seedanceapi"
# api_key = "env:SEEDANCEAPI_API_KEY"

# AceData Cloud: give each task a URL of its own, `reelkeep callback-url acedata`.
# [sources.acedata]
# provider = "acedata"
# api_key = "env:ACEDATA_API_KEY"

# seedance2ai.io never calls back: register each task, `reelkeep tasks add seedance2ai ID`.
# [sources.seedance2ai]
# provider = "seedance2ai"
# api_key = "env:SEEDANCE2AI_API_KEY"

# kyyAiPower (zcbservice, GlobalAiOpc) never calls back: register each task, `reelkeep tasks add kyyaipower ID`.
# [sources.kyyaipower]
# provider = "kyyaipower"
# api_key = "env:KYYAIPOWER_API_KEY"
"""


def settings(data: Path) -> Path:
    """The settings file under *data*, made if there is none."""
    path = data / "reelkeep.toml"
    for name in ("operator.token", "kie.webhook_key", "signing.key"):
        secret(data, name)
    if not path.exists():
        path.write_text(SETTINGS)
    return path


def secret(data: Path, name: str) -> str:
    """A secret of our own making, the same at every start."""
    path = data / "secrets" / name
    path.parent.mkdir(mode=0o700, exist_ok=True)
    path.touch(mode=0o600)
    if not path.read_text().strip():
        path.write_text(secrets.token_urlsafe(32) + "\n")
    return path.read_text().strip()
