"""What an event's files do to assets: one is born, gets another link, or stays as it is."""

from datetime import datetime
from typing import Any

from archive.identity import asset_id
from archive.ledger import audit, tallies
from archive.ledger.batch import Batch, Statement
from archive.ledger.tallies import Tally
from archive.model import AssetState, Output, Verdict
from archive.roles import MANY
from archive.trust import Decision

_NOT_TRUSTED = "not_trusted"


def apply_output(batch: Batch, task: dict[str, Any], statement: Statement, output: Output) -> None:
    identity = asset_id(statement.source, task["task_id"], output)
    link = {
        "link": output.link.url,
        "second_link": output.second.url if output.second else None,
        "link_expires_at": output.link.expires_at,
        "link_origin": output.link.origin,
        "verdict": statement.verdict.label,
        "must_by": _must_by(statement, output, batch.at),
    }
    known = batch.assets.get(identity) or _same_place(batch, task, statement, output)
    taken = (
        known is not None and known["id"] != identity and (known["state"] == AssetState.LOST or not _wants_link(known))
    )
    if known is None or taken:
        # Where another file has taken the place for good, what proves little waits for a person; it is never dropped.
        believed = statement.decision is Decision.BELIEVE and not (taken and statement.verdict < Verdict.SIGNED_BODY)
        row = {
            "id": identity,
            "task": task["id"],
            "source": statement.source,
            "task_id": task["task_id"],
            "role": output.role,
            "ordinal": output.ordinal,
            "state": AssetState.WAITING if believed else AssetState.QUARANTINED,
            "reason": None if believed else _NOT_TRUSTED,
            "created_at": batch.at,
            "due_at": batch.at if believed else None,
            **link,
        }
        batch.born[identity] = batch.assets[identity] = row
        if believed:
            batch.due.add(identity)
        else:
            batch.tallies.append(Tally(tallies.QUARANTINES, statement.source, (_NOT_TRUSTED,)))
        batch.entries.append(
            audit.Entry(
                "asset",
                identity,
                None,
                row["state"],
                statement.actor,
                row["reason"],
                {"host": output.link.host},
            )
        )
    elif statement.decision is Decision.BELIEVE and _wants_link(known):
        if known["id"] != identity and statement.verdict < Verdict.SIGNED_BODY:
            batch.entries.append(
                audit.Entry(
                    "asset",
                    known["id"],
                    known["state"],
                    known["state"],
                    statement.actor,
                    "link_conflict",
                    {"host": output.link.host},
                )
            )
            return
        if statement.verdict < Verdict.SIGNED_BODY and _still_serves(known, batch.at):
            return  # what proves little replaces no link that may still work
        if known["state"] != AssetState.WAITING:
            reason = "now_trusted" if known["state"] == AssetState.QUARANTINED else "fresh_link"
            batch.entries.append(
                audit.Entry("asset", known["id"], known["state"], AssetState.WAITING, statement.actor, reason)
            )
        # A claim that runs keeps its lease; one that waits for a better link need not wait any more.
        if not known.get("owner"):
            known["due_at"] = batch.at
            batch.due.add(known["id"])
        known.update(link, state=AssetState.WAITING, reason=None)
        batch.touched_assets.add(known["id"])


def _wants_link(asset: dict[str, Any]) -> bool:
    """It waits, is lost, or lacks only a link that is trusted; whatever else quarantined it needs a person."""
    doubted = (asset["state"], asset["reason"]) == (AssetState.QUARANTINED, _NOT_TRUSTED)
    return asset["state"] in {AssetState.WAITING, AssetState.LOST} or doubted


def _still_serves(asset: dict[str, Any], at: datetime) -> bool:
    """Its link has time left, and no file host has refused it."""
    is_refused = (asset["reason"] or "").startswith("http_4")
    return asset["state"] == AssetState.WAITING and asset["link_expires_at"] > at and not is_refused


def _same_place(batch: Batch, task: dict[str, Any], statement: Statement, output: Output) -> dict[str, Any] | None:
    """The asset that stands at this output's place under another path, unless another output of the event claims it."""
    if output.role in MANY:
        return None
    claimed = {asset_id(statement.source, task["task_id"], other) for other in statement.event.outputs}
    place = (task["id"], output.role, output.ordinal)
    for row in batch.assets.values():
        # A row that nobody vouched for must not stand in the way of one that somebody does.
        doubted = row["reason"] == _NOT_TRUSTED and statement.decision is Decision.BELIEVE
        if (row["task"], row["role"], row["ordinal"]) == place and row["id"] not in claimed and not doubted:
            return row
    return None


def _must_by(statement: Statement, output: Output, at: datetime) -> datetime:
    """When the output can no longer be had. What proves little cannot bring that nearer than one link life from now."""
    storage = statement.event.storage_expires_at
    found = storage if storage and statement.can_refresh else output.link.expires_at
    return found if statement.verdict >= Verdict.SIGNED_BODY else max(found, at + statement.link_life)
