"""What all tests share: paths for the shared tests, and tests that are `async def`."""

import asyncio
import inspect
import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
os.environ["OPHION_ROOT"] = str(ROOT)
for folder in (ROOT / "tests" / "shared", ROOT / "host" / "ophion" / "sim" / "device"):
    # Appended: the simulator's stand-ins (time.py, select.py) must not hide the standard library.
    sys.path.append(str(folder))


async def _run_and_check(function, arguments):
    before = asyncio.all_tasks()
    await function(**arguments)
    for _ in range(3):
        await asyncio.sleep(0)
    left = asyncio.all_tasks() - before
    assert not left, f"tasks left behind: {left}"


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    """Run an `async def` test in an event loop of its own; it must leave no task behind."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = pyfuncitem._fixtureinfo.argnames
    asyncio.run(_run_and_check(pyfuncitem.obj, {name: pyfuncitem.funcargs[name] for name in names}))
    return True
