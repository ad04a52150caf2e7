"""tools/bench/qemu.py: the same numbers in every run, and what the bootloader may take of a chip."""

from dataclasses import replace

import pytest


@pytest.fixture(scope="module")
def bench_qemu(firmware):
    from bench import qemu

    return qemu


def test_counts_are_the_same_in_every_run(bench_qemu):
    first = bench_qemu.measure(32)
    assert bench_qemu.measure(32) == first
    assert first["boot"] > first["verify"] > first["hash"] > 0
    assert first["swap8"] > first["swap4"] > 0
    assert len(bench_qemu.rows({32: first}, first)) == 12


def test_a_table_of_the_key_makes_boot_and_verify_cheaper(bench_qemu):
    without, table = bench_qemu.measure(32), bench_qemu.measure(32, key_tables=True)
    assert table["hash"] == pytest.approx(without["hash"], rel=0.001)
    assert without["verify"] - table["verify"] > 4_000_000
    assert without["boot"] - table["boot"] > 4_000_000


def test_a_table_of_a_key_takes_two_tables_and_their_code(firmware):
    from bench import size

    typical = size.typical()
    tables = replace(typical, key_tables=True)
    # The key's, and that of the generator: 6 KiB each.
    assert (
        0 < size.frozen_bytes(tables, roots=False) - size.frozen_bytes(typical, roots=False) - 2 * 6144 < 2048
    )


def test_three_times_the_image_takes_three_times_the_hash(bench_qemu):
    small, large = bench_qemu.measure(32), bench_qemu.measure(96)
    ratio = large["image"] / small["image"]
    assert large["hash"] / small["hash"] == pytest.approx(ratio, rel=0.1)
    assert large["verify"] > small["verify"]


def test_what_a_packet_of_an_upload_may_take(bench_qemu):
    found = bench_qemu.measure(32)
    assert 20_000 < found["chunk"] <= 40_000
    # One that enters a sector looks whether that is blank; the rest is what the heap looks like.
    assert found["chunk"] < found["chunk_most"] <= 120_000
    assert found["left"] == 0, "it left something on the heap"
    assert found["radio"] > found["chunk"] and found["upload"] > found["chunk"]
    assert found["chunk"] < found["console"] <= 100_000
    assert bench_qemu.broken(found) == []


def test_recovery_can_be_reached_soon_after_a_reset_when_nothing_boots(bench_qemu):
    found = bench_qemu.recovery(200)
    assert 10_000_000 < found["recovery_empty"] < found["recovery_bad"]
    assert bench_qemu.broken(found) == []
    limit = bench_qemu.LIMITS["recovery_bad"]
    assert limit * bench_qemu.CYCLES / bench_qemu.CLOCK_HZ <= 1.5
    assert "recovery_bad: " in bench_qemu.broken({"recovery_bad": limit + 1})[0]


# DESIGN, Size: at most 90 KB of frozen code,
FROZEN_MAX = 90 * 1024
# of which this much for deltas: the decoder, and what takes patches;
DELTA_MAX = 10_700
# and 45 KB of heap when the application starts.
HEAP_MAX = 45 * 1024


def test_the_frozen_bootloader_of_the_typical_board_is_within_its_bound(firmware):
    from bench import size

    typical = size.typical()
    whole = size.frozen_bytes(typical)
    assert 60_000 < whole <= FROZEN_MAX
    modules = size.by_module(typical)
    assert sum(modules.values()) == whole
    assert {"ophion_boot.main", "ophion_boot.core.trust", "ophion_boot.crypto.ed25519"} <= set(modules)
    assert size.frozen_bytes(typical, roots=False) <= whole < size.frozen_bytes(size.everything(typical))


def test_what_deltas_take_is_within_its_bound(firmware):
    from bench import size

    typical = size.typical()
    assert 0 < size.frozen_bytes(typical) - size.frozen_bytes(size.without_delta(typical)) <= DELTA_MAX


def test_the_heap_when_the_application_starts_is_within_its_bound(bench_qemu):
    found = bench_qemu.measure(32)
    # The sectors of this flash are 256 KiB; a chip's are 4 KiB.
    assert 10_000 < found["heap"] - found["sector"] + 4096 <= HEAP_MAX
