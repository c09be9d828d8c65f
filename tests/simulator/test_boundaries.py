"""The simulator stands alone."""

import subprocess
import sys

from tests.simulator.helpers import ROOT


def test_imports_nothing_of_ours() -> None:
    """A fresh interpreter that has imported every module of the simulator has none of the product's."""
    program = (
        "import pkgutil, sys, importlib, simulator\n"
        "names = [m.name for m in pkgutil.iter_modules(simulator.__path__, 'simulator.')]\n"
        "assert len(names) > 10 and 'simulator.__main__' in names\n"
        "for name in names: importlib.import_module(name)\n"
        "ours = {'archive', 'receiver', 'workers'}\n"
        "print(*sorted(m for m in sys.modules if m.partition('.')[0] in ours))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "", "")
