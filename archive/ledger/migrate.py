"""Bring the ledger's schema up to this version (Alembic). Safe to call from several processes at once."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from archive.ledger.database import Database

_ADVISORY = 7_305_412  # any number of ours: PostgreSQL's lock while migrating


def _config(db: Database) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["database"] = db
    return config


def upgrade(db: Database) -> None:
    """Create or migrate the tables, in one transaction."""
    with db.write() as conn:
        if not db.is_sqlite:
            conn.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY})
        config = _config(db)
        config.attributes["connection"] = conn
        command.upgrade(config, "head")


def is_current(db: Database) -> bool:
    """Whether the tables are those this version was written against."""
    with db.read() as conn:
        found = MigrationContext.configure(conn).get_current_revision()
    return found == ScriptDirectory.from_config(_config(db)).get_current_head()
