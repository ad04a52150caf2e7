"""The rig itself: programs run, modules arrive, errors are told, and counts are the same in every run."""

import hashlib
import subprocess
import sys
import time
from pathlib import Path

import pytest
from qemu import build, rig

ROOT = Path(__file__).parents[2]


def test_a_program_runs_and_its_output_comes_back(firmware):
    output = rig.run("import sys\nprint(sys.platform, sys.implementation.version[:2])", firmware=firmware)
    assert output == "qemu (1, 25)\n"


def test_files_and_folders_are_modules_in_rom(firmware, tmp_path):
    (tmp_path / "inner").mkdir()
    (tmp_path / "__init__.py").write_text("")
    (tmp_path / "inner" / "leaf.py").write_text("X = 7")
    files = {"one.py": "def f(x):\n return x + 1", "package": tmp_path, "data.bin": b"\x00\xff"}
    program = (
        "import one, os, package.inner.leaf as leaf\nprint(one.f(leaf.X), open('/rom/data.bin', 'rb').read())"
    )
    assert rig.run(program, files, firmware=firmware) == "8 b'\\x00\\xff'\n"
    assert rig.run(program, files, firmware=firmware, mpy=False) == "8 b'\\x00\\xff'\n"


def test_viper_native_and_c_modules_are_there(firmware):
    program = """
import asyncio, deflate, hashlib, io, micropython, select, sys, time, vfs
@micropython.viper
def viper(x: int) -> int:
    return x * x
@micropython.native
def native(x):
    return x * x
async def wait():
    await asyncio.sleep_ms(20)
before = time.ticks_ms()
asyncio.run(wait())
assert time.ticks_diff(time.ticks_ms(), before) >= 20
assert deflate.DeflateIO(io.BytesIO(b"\\x4b\\x04\\x02\\x00"), deflate.RAW).read() == b"aaaa"
assert vfs.VfsLfs2 and vfs.VfsRom and select.poll and sys.stdin.buffer
print(viper(12), native(12), hashlib.sha256(b"x").digest().hex(), time.localtime()[:3])
"""
    expected = f"144 144 {hashlib.sha256(b'x').hexdigest()} (2026, 1, 1)\n"
    assert rig.run(program, firmware=firmware) == expected


def test_the_heap_has_the_size_that_was_asked_for(firmware):
    program = "import gc\ngc.collect()\nprint(gc.mem_free() + gc.mem_alloc())"
    for heap_kb in (64, 2048):
        size = int(rig.run(program, firmware=firmware, heap_kb=heap_kb))
        assert 0.95 * heap_kb * 1024 < size <= heap_kb * 1024


@pytest.mark.parametrize(
    ("program", "message"),
    [
        ("raise ValueError('wrong')", "ValueError: wrong"),
        ("import sys\nprint('so far')\nsys.exit(3)", "status 3"),
        ("while True: pass", "no end after 2 s"),
        ("import machine\nmachine.mem32[0xf0000000]", "the processor faulted"),
    ],
)
def test_a_program_that_does_not_end_well_is_an_error(firmware, program, message):
    with pytest.raises(rig.RigError, match=message):
        rig.run(program, firmware=firmware, timeout_s=2)


def test_a_module_that_does_not_compile_is_an_error(firmware):
    with pytest.raises(rig.RigError, match=r"(?s)mpy-cross refuses bad\.py.*SyntaxError"):
        rig.run("pass", {"bad.py": "def"}, firmware=firmware)


def test_resets_and_the_watchdog_are_told_apart_and_memory_stays(firmware):
    program = """
import machine, virt
causes = virt.memory() + bytes([machine.reset_cause()])
virt.memory(causes)
if len(causes) == 1:
    machine.reset()
if len(causes) == 2:
    machine.WDT(timeout=50)
    while True:
        pass
print(list(causes))
"""
    assert rig.run(program, firmware=firmware) == "[1, 2, 3]\n"


def test_a_fed_watchdog_is_quiet(firmware):
    program = """
import machine, time
assert machine.reset_cause() == machine.PWRON_RESET
wdt = machine.WDT(timeout=50)
for _ in range(5):
    time.sleep_ms(30)
    wdt.feed()
print("quiet")
"""
    assert rig.run(program, firmware=firmware) == "quiet\n"


def test_instruction_counts_are_the_same_in_every_run(firmware):
    def count():
        setup = "import hashlib\ndata = bytes(4096)"
        return rig.instructions("hashlib.sha256(data).digest()", setup, firmware=firmware)

    first = count()
    # 64 blocks of SHA-256 in C: some thousand instructions each.
    assert 100_000 < first < 1_000_000
    time.sleep(0.3)
    assert [count(), count()] == [first, first]


def test_even_the_boot_takes_the_same_number_of_instructions(firmware):
    program = "import virt\nprint(virt.instret())"
    assert len({rig.run(program, firmware=firmware) for _ in range(3)}) == 1


def test_twice_the_work_is_twice_the_count(firmware):
    setup = "def loop(n):\n for _ in range(n): pass"
    counts = [rig.instructions(f"loop({n})", setup, firmware=firmware) for n in (1000, 2000, 3000)]
    assert counts[2] - counts[1] == pytest.approx(counts[1] - counts[0], rel=0.01)


def test_the_second_build_does_nothing(firmware):
    before = firmware.elf.stat().st_mtime_ns
    assert build.firmware() == firmware
    assert firmware.elf.stat().st_mtime_ns == before


def test_the_command_line(firmware, tmp_path):
    program = tmp_path / "program.py"
    program.write_text("import helper\nprint(helper.NAME)")
    (tmp_path / "helper.py").write_text("NAME = 'from the command line'")
    line = [sys.executable, "tools/qemu", "run", str(program), "-f", str(tmp_path / "helper.py")]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "from the command line\n"), done.stderr
    program.write_text("1 / 0")
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("error: status 1\n") and "ZeroDivisionError" in done.stderr
