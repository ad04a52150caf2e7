"""The campaign is a tool, not a part of the product: its folder is added here."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2] / "tools"))
