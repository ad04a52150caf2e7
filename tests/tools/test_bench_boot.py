"""What a boot costs: nothing is written, and what is counted is a boot."""

import shutil
import subprocess

import pytest
from bench import boot
from bench.device import BenchError
from ophion_boot.core.strategies import NAMES

KIB = 8


def on_micropython(device, folder, part):
    boot.prepare(device, folder)
    return subprocess.run(boot.command(folder, part), capture_output=True, text=True, timeout=60)


def test_every_strategy_has_a_board():
    assert set(boot.layouts()) == set(NAMES)


@pytest.mark.parametrize("strategy", NAMES)
def test_a_boot_of_a_confirmed_image_reads_it_once_and_writes_nothing(strategy):
    figures = boot.count_flash(boot.confirmed(strategy, KIB), KIB)
    assert (figures.programs, figures.erases) == (0, 0)
    assert KIB * 1024 < figures.read < KIB * 1024 + 512
    assert boot.broken(figures) == []


def test_a_boot_that_writes_is_found():
    figures = boot.count_flash(boot.confirmed("ab", KIB), KIB)
    assert boot.broken(figures._replace(programs=1)) == ["ab, 8 KiB: a boot programs flash (1)"]
    assert boot.broken(figures._replace(erases=2)) == ["ab, 8 KiB: a boot erases flash (2)"]


def on_trial():
    device = boot.confirmed("swap_offset", KIB)
    device.upload(boot.signed(3, KIB * 1024))
    device.boot_runs(boot.signed(3, KIB * 1024))
    return device


def test_an_image_on_trial_is_not_measured(tmp_path):
    with pytest.raises(BenchError, match="confirmed image did not boot"):
        boot.count_flash(on_trial(), KIB)
    done = on_micropython(on_trial(), tmp_path, "boot")
    assert "done" not in done.stdout and "wrote to flash" in done.stdout + done.stderr


@pytest.mark.parametrize("part", boot.PARTS)
def test_micropython_does_each_part(part, tmp_path):
    done = on_micropython(boot.confirmed("golden", KIB), tmp_path, part)
    assert done.returncode == 0 and done.stdout == "done\n", done.stdout + done.stderr


def test_instructions_are_counted_or_it_says_what_is_missing(capsys):
    argv = ["--strategy", "ab", "--kib", str(KIB)]
    assert boot.main(argv, "no-such-valgrind") == 0
    assert "there is no no-such-valgrind" in capsys.readouterr().out
    assert boot.main(argv) == 0
    head, row, *rest = capsys.readouterr().out.splitlines()
    if not shutil.which("valgrind"):
        assert "apt-get install valgrind" in rest[0]
        return
    assert head.endswith("boot    hash  signature  rest")
    whole, digest, signature, beside = map(float, row.split("|")[1].split())
    assert signature > digest > 0 < beside < signature
    assert whole == pytest.approx(digest + signature + beside, abs=0.03)
