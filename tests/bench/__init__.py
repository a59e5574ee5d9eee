"""The bench: `make bench`, or ``python -m tests.bench``."""

import sys
from pathlib import Path

# The collection as this checkout has it, as the tests import it.
sys.path.insert(0, str(Path(__file__).parents[2] / "collections"))
