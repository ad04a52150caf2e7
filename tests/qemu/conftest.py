"""The rig is a tool, not a part of the product: its folder is added here, and the firmware is built."""

import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path.append(str(HERE.parents[1] / "tools"))

# The first test waits for the build when `make qemu` did not run before: apt, a compiler, 400 files.
_FIRST_TEST_S = 600


def pytest_collection_modifyitems(items):
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.timeout(_FIRST_TEST_S))


@pytest.fixture(scope="session")
def firmware():
    from qemu import build

    return build.firmware()
