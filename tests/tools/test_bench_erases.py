"""The erases of updates: the bounds hold, and one that does not is found."""

import pytest
from bench.device import BenchError, Device, smallest_areas
from bench.erases import BOUNDS, MCUBOOT, Bound, broken, main, measure
from ophion_boot.core.strategies import NAMES
from powercut.images import signed

LOOSE = Bound(9, 9, 9, 9, 9, 9)


def test_every_strategy_has_bounds_and_formulae():
    assert set(BOUNDS) == set(MCUBOOT) == set(NAMES)


@pytest.mark.parametrize("strategy", BOUNDS)
@pytest.mark.parametrize("sectors", [1, 5, 16])
def test_the_bounds_hold(strategy, sectors):
    figures = measure(strategy, sectors)
    assert figures.upload.erases > 0 and figures.upload.programmed >= sectors * 4096
    # Something was installed and went back: a copy of each image sector, or under `ab` a few flags.
    least = BOUNDS[strategy].per_sector * sectors
    assert figures.install.erases >= least and figures.revert.erases >= least
    assert figures.install.programmed > least * 4096 and figures.revert.programmed > least * 4096
    assert broken(figures) == []


def test_the_issues_numbers():
    for sectors in (1, 8, 32):
        counts = {name: measure(name, sectors) for name in BOUNDS}
        assert counts["swap_offset"].install.erases <= 2 * sectors + 2
        assert counts["swap_scratch"].install.erases <= 3 * sectors + 3
        assert counts["golden"].install.erases <= sectors + 3
        assert counts["ab"].install.erases == counts["ab"].revert.erases == 0
        assert counts["swap_offset"].upgrade.worst <= 2


@pytest.mark.parametrize(
    ("tighter", "what"),
    [
        (LOOSE._replace(per_sector=2, trailers=1, more=0), "the boot that installs: 18, over 17"),
        (LOOSE._replace(per_sector=2, trailers=2, more=0, back=0), "the boot that goes back: 19, over 18"),
        (LOOSE._replace(once=0), "one sector by the boot that installs: 1, over 0"),
        (LOOSE._replace(worn=1), "one sector by an upgrade, its upload included: 2, over 1"),
    ],
)
def test_a_bound_that_is_broken_ends_with_1(tighter, what, capsys):
    argv = ["--strategy", "swap_offset", "--sectors", "8"]
    assert main(argv, {"swap_offset": LOOSE}) == 0
    assert "every bound holds" in capsys.readouterr().out
    assert main(argv, {"swap_offset": tighter}) == 1
    out = capsys.readouterr().out
    assert what in out and "every bound holds" not in out


def test_the_table_has_the_formulae_beside_the_counts(capsys):
    assert main(["--sectors", "3"]) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines() if line}
    assert "2N+2=8" in lines["swap_offset"] and "2N+5=11" in lines["swap_offset"]
    assert "3N+3=12" in lines["swap_scratch"] and "N+3=6" in lines["golden"]
    assert set(BOUNDS) <= set(lines)


@pytest.mark.parametrize("count", ["0", "-1"])
def test_an_image_without_sectors_is_refused(count, capsys):
    with pytest.raises(SystemExit):
        main(["--sectors", count])
    assert "one sector or more" in capsys.readouterr().err


def test_an_update_that_does_not_run_is_an_error():
    areas, _ = smallest_areas("swap_offset", 2)
    device = Device("swap_offset", areas)
    device.put("primary", signed(1, 8192))
    device.boot_runs(signed(1, 8192))
    with pytest.raises(BenchError, match=r"something else \(1\.0\.0\)"):
        device.boot_runs(signed(2, 8192))
