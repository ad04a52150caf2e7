"""What is frozen into a simulated device, and what the host imports of it."""

import ast
from pathlib import Path

import ophion.sim
from ophion.sim.stage import stand_ins

CHIP = {"start.py", "ophion_sim.py", "ophion_messages.py", "nor.py"}
CHIP |= {"machine.py", "bluetooth.py", "time.py", "select.py", "esp32.py", "idf.py", "nvs_pages.py"}


def test_the_chip_is_staged_whole_and_alone():
    assert set(stand_ins()) == CHIP


def test_the_host_imports_only_the_messages_of_the_device():
    seen = set()
    for path in Path(ophion.sim.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module and "sim.device" in node.module:
                seen |= {alias.name for alias in node.names}
    assert seen == {"ophion_messages"}
