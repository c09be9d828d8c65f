"""`python -m tests.mutants [SLUG…]`: put every bug in, or the named ones, and see whether its test notices."""

import sys
from pathlib import Path

from tests.mutants.run import main

sys.exit(main(Path.cwd(), sys.argv[1:]))
