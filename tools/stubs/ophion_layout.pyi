# The module that is generated from a board's layout.toml (ophion.build.layout.device_module).
from typing import Any

LAYOUT: dict[str, Any]
