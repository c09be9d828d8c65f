"""
The command line. `up` and `migrate` work on this machine, `doctor` looks at it from outside; everything else asks the
API, with the same verbs.

Exit codes: 0 done; 1 the service refused, or something is not as it should be; 2 wrong usage; 69 the service or the
ledger cannot be reached; 70 a mistake of ours; 78 the settings cannot be used.
"""

import argparse
import os
import sys
from collections.abc import Sequence

from archive import logs
from archive.cli import callbacks, doctor, generate, lists, local, notify, orders, redrive, tasks
from archive.cli.verbs import Verbs
from archive.errors import LedgerError
from archive.settings import SettingsError
from reelkeep.client import RefusedError, UnreachableError

_GROUPS = (local, doctor, callbacks, generate, orders, lists, tasks, notify, redrive)  # in the order of --help


def main(arguments: Sequence[str] | None = None) -> int:  # noqa: PLR0911 (one for each exit code)
    """Run one command and return its exit code."""
    options = parser().parse_args(arguments)
    if options.config:
        os.environ["REELKEEP_CONFIG"] = options.config
    try:
        return int(options.run(options))
    except SettingsError as exc:
        print("reelkeep: the settings cannot be used:", *exc.problems, sep="\n  ", file=sys.stderr)
        return 78
    except RefusedError as exc:
        print(f"reelkeep: {exc}", file=sys.stderr)
        return 1
    except UnreachableError as exc:
        print(f"reelkeep: {exc}" + (" (is `reelkeep up` running?)" if exc.is_unsent else ""), file=sys.stderr)
        return 69
    except LedgerError as exc:
        print(f"reelkeep: the ledger cannot be reached ({exc.reason})", file=sys.stderr)
        return 69
    except BrokenPipeError:
        return 0
    except Exception as exc:  # its own message may hold an address with a password
        print(f"reelkeep: this should not happen:\n{logs.describe(exc)}", file=sys.stderr)
        return os.EX_SOFTWARE


def parser() -> argparse.ArgumentParser:
    """Every command with its options."""
    made = argparse.ArgumentParser(prog="reelkeep", description="Webhook target and archive for AI-generated video.")
    verbs = Verbs.of(made)
    for group in _GROUPS:
        group.add(verbs)
    return made
