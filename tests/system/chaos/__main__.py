"""`python -m tests.system.chaos --kills 2000 --seed 1`: both stacks beside each other; exit 1 where a promise broke."""

import argparse
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from tests.system.chaos.run import Result, report, run


def main() -> int:
    """Run, print, and say whether all held."""
    parser = argparse.ArgumentParser(prog="python -m tests.system.chaos", description="Kill, and see what is lost.")
    parser.add_argument("--kills", type=int, default=200, help="of both stacks together, at least")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=("postgresql", "sqlite"), help="one stack, with all of the kills")
    parser.add_argument("--keep", type=Path, help="a folder for what the run leaves: logs, ledger, store")
    options = parser.parse_args()
    wanted = [True, False] if options.only is None else [options.only == "postgresql"]
    share = -(-options.kills // len(wanted))
    with tempfile.TemporaryDirectory(prefix="reelkeep-chaos-") as temporary, ProcessPoolExecutor(len(wanted)) as pool:
        root = options.keep or Path(temporary)
        running = [pool.submit(_one, root, durable, share, options.seed) for durable in wanted]
        results = [each.result() for each in running]
    for result in results:
        sys.stdout.write(f"{report(result)}\n")
    total = sum(len(result.kills) for result in results)
    again = f"python -m tests.system.chaos --kills {options.kills} --seed {options.seed}"
    sys.stdout.write(f"{total} kills; again: {again}\n")
    return int(any(result.broken or result.surprises for result in results))


def _one(root: Path, durable: bool, kills: int, seed: int) -> Result:
    folder = root / ("postgresql" if durable else "sqlite")
    folder.mkdir(parents=True)
    return run(folder, durable=durable, kills=kills, seed=seed + durable, limit=120 + 6.0 * kills)


if __name__ == "__main__":
    sys.exit(main())
