"""The tools are no part of the product: their folder is added here."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2] / "tools"))
