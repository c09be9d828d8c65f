"""The configured targets of notifications as people see them: what is said of them, and how they are doing."""

from typing import Any
from urllib.parse import urlsplit

from archive.advice import advice
from archive.ledger import notification_queries
from archive.ledger.database import Database
from archive.settings import Settings
from archive.targets import Target
from receiver.views import row


def show_targets(settings: Settings, db: Database) -> list[dict[str, Any]]:
    """In the order of the settings. Of a URL only scheme and host: what follows may be a secret."""
    found = notification_queries.health(db, [target.name for target in settings.notify])
    return [_shown(target, found[target.name]) for target in settings.notify]


def _shown(target: Target, health: notification_queries.Health) -> dict[str, Any]:
    parts = urlsplit(target.url)
    reason = health.reason if health.failing_since else None  # what is over needs no advice
    said = {"name": target.name, "url": f"{parts.scheme}://{parts.netloc}", "format": target.format}
    lists = {"types": list(target.types), "sources": list(target.sources)}
    return said | lists | row(vars(health)) | {"reason": reason, "advice": advice(reason)}
