"""`sign` and `callback-url`: callbacks to try by hand, and URLs for providers to call."""

import argparse
import json
import os
import sys
from datetime import UTC, datetime
from uuid import uuid4

from archive import sign
from archive.cli.verbs import Verbs, about_task, client, lifetime, own_words, tell
from archive.errors import NotUnderstoodError, VerificationError
from archive.settings import load


def add(verbs: Verbs) -> None:
    made = verbs.add("sign", _sign, "make a signed sample callback to try by hand")
    made.add_argument("source")
    made.add_argument("--task-id", help="default: a new one each time")
    made.add_argument("--video-url", default="https://storage.kie.ai/videos/sample.mp4", help="the link it carries")
    made = verbs.add("callback-url", _callback_url, "make a signed callback URL for one task")
    made.add_argument("source")
    own_words(made)
    made.add_argument("--expires", type=lifetime, metavar="WHEN", help="7d (default), 12h, or an instant (ISO 8601)")


def _sign(options: argparse.Namespace) -> int:
    settings = load(for_client=True)
    if options.source not in settings.sources:
        print(
            f"reelkeep: no source {options.source!r} is configured (--config names the settings file)", file=sys.stderr
        )
        return 1
    task_id = options.task_id or f"sample-{uuid4().hex[:12]}"
    base = options.url or os.environ.get("REELKEEP_URL") or settings.server.public_url
    source, now = settings.sources[options.source], datetime.now(UTC)
    try:
        call = sign.sample(options.source, source, base, task_id, options.video_url, now, settings.signing_keys)
    except NotUnderstoodError:
        print(f"reelkeep: {source.provider} never calls back; register its tasks instead", file=sys.stderr)
        return 1
    except VerificationError:
        where = "server.signing_keys or REELKEEP_SIGNING_KEY; `reelkeep up` keeps its own in DATA/secrets/signing.key"
        print(
            f"reelkeep: {options.source} is called by minted URLs, and no signing key is known ({where})",
            file=sys.stderr,
        )
        return 78
    print(json.dumps(call.as_dict(), indent=2) if options.json else call.as_curl())
    return 0


def _callback_url(options: argparse.Namespace) -> int:
    body = about_task(options)
    if options.expires is not None:
        body["expires_in"] = options.expires
    made = client(options).post("/api/callback-urls", body)
    if options.json:
        return tell(options, made)
    print(made["url"])  # alone, so that a shell can take it
    print(f"reelkeep: id {made['id']}, good until {made['expires_at']}", file=sys.stderr)
    return 0
