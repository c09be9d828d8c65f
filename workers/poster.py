"""The poster of an archived film: read back from the store, drawn in a child process, kept in the companion bucket."""

import logging
import tempfile
from datetime import timedelta
from hashlib import sha256
from io import BytesIO
from pathlib import Path

from archive.errors import ObjectConflictError, ProbeError, StoreUnavailableError
from archive.failpoints import reached
from archive.ledger import outbox
from archive.ledger.database import Database
from archive.ledger.outbox import PosterErrand
from archive.store import ArchiveStore
from workers.probe import poster
from workers.spool import check_room
from workers.transfer import ROOM_STEP

_AGAIN = timedelta(minutes=1)
_log = logging.getLogger(__name__)


def poster_key(object_key: str) -> str:
    """Posters mirror the originals' folders."""
    return "posters/" + object_key.removeprefix("assets/").rsplit(".", 1)[0] + ".jpg"


def make_poster(
    db: Database, store: ArchiveStore, companion: str, spool: Path, reserve: int, errand: PosterErrand
) -> None:
    """
    Do *errand*, and leave *reserve* bytes of the spool's disk free.

    A film that gives no picture has no poster; a store that is away, or a spool that is full, is tried again.
    """
    spool.mkdir(parents=True, exist_ok=True)
    key = poster_key(errand.key)
    try:
        with tempfile.TemporaryFile(dir=str(spool)) as film:
            room = ROOM_STEP
            for piece in store.read(errand.bucket, errand.key, errand.version_id):
                if film.tell() >= room:
                    check_room(spool, reserve)
                    room = film.tell() + ROOM_STEP
                film.write(piece)
            picture = poster(film)
        digest = sha256(picture).hexdigest()
        store.put(companion, key, BytesIO(picture), size=len(picture), sha256=digest, content_type="image/jpeg")
    except ObjectConflictError:
        pass  # made before, by an attempt that died before it could say so
    except ProbeError as exc:
        _log.warning("poster.none", extra={"asset": errand.asset_id, "reason": exc.reason})
        outbox.done(db, errand, None)
        return
    except (StoreUnavailableError, OSError) as exc:
        _log.warning("poster.later", extra={"asset": errand.asset_id, "reason": type(exc).__name__})
        outbox.later(db, errand, _AGAIN)
        return
    reached("errand.written", errand.asset_id)
    outbox.done(db, errand, key)
