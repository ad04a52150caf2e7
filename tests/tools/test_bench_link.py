"""The link bench: the radio's times are the specification's, runs repeat, what is missed is found."""

import asyncio

import pytest
from bench.link import __main__ as link
from bench.link.clients import upload
from bench.link.clock import Stuck, run
from bench.link.device import OURS, ZEPHYR, Kind, flash_rate
from bench.link.figures import PROFILES, Limits, bounds, broken, measure, out_of_reach, ratios
from bench.link.radio import LinkOptions, Radio
from powercut.images import signed

KIB = 128


def test_the_clock_jumps_and_a_wait_for_nothing_is_an_error():
    async def sleep():
        await asyncio.sleep(3600)
        return "later"

    assert run(sleep) == ("later", pytest.approx(3600))
    with pytest.raises(Stuck):
        run(lambda: asyncio.Event().wait())


def test_packets_take_the_time_that_the_specification_gives_them():
    one, two = LinkOptions(phy="1M"), LinkOptions(phy="2M")
    assert one.air(0) == pytest.approx(80e-6) and one.air(251) == pytest.approx(2088e-6)
    assert two.air(0) == pytest.approx(44e-6) and two.air(251) == pytest.approx(1048e-6)
    assert one.exchange(251, 0) == pytest.approx(2468e-6)
    # Six exchanges in 15 ms, 495 bytes of values in two of them.
    assert one.rate() == pytest.approx(3 * 495 / 0.015)
    assert LinkOptions(packets=4).rate() == pytest.approx(2 * 495 / 0.015)
    assert flash_rate(False) == pytest.approx(4096 / 0.0514)


def test_the_radio_carries_as_much_as_it_says_and_an_answer_waits_for_the_next_event():
    arrived = []

    async def main():
        loop = asyncio.get_running_loop()
        radio = Radio(LinkOptions(), lambda: True)
        done = loop.create_future()
        radio.on_device = lambda value: value and radio.to_host(value) if len(value or b"") == 9 else None
        radio.on_host = lambda value: (arrived.append(loop.time()), done.set_result(None))
        radio.to_device(bytes(495))
        radio.to_device(b"last one.")
        await done
        radio.close()

    run(main)
    third = 2 * 2468e-6 + 16e-6 * 8 + 80e-6 + 300e-6  # the third exchange of the event
    assert arrived[0] > third and arrived[0] < 0.015 + 0.001


def test_a_device_without_a_free_buffer_is_sent_it_again_later():
    seen = []

    async def main():
        loop = asyncio.get_running_loop()
        radio = Radio(LinkOptions(), lambda: loop.time() > 0.1)
        done = loop.create_future()
        radio.on_device = lambda value: (seen.append(loop.time()), done.set_result(None))
        radio.to_device(b"x")
        await done
        radio.close()

    run(main)
    assert 0.1 < seen[0] < 0.116


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)
def test_the_figures_hold(profile):
    outcomes = measure(profile, KIB * 2)
    assert broken(profile, outcomes) == []
    assert all(outcome.dropped == 0 for outcome in outcomes)
    assert max(outcome.rate for outcome in outcomes) < min(bounds(profile)), "faster than possible"
    missing = set(vars(Limits())) - set(profile.held)
    assert missing <= out_of_reach(profile, outcomes), "what is not held has to be impossible"
    assert bool(missing) == bool(profile.why)
    assert all(0 < outcome.busy <= outcome.seconds for outcome in outcomes)


def test_two_runs_are_the_same():
    image = signed(3, 32 * 1024)
    first = upload("ophion", OURS, image, LinkOptions())
    assert upload("ophion", OURS, image, LinkOptions()) == first
    assert first.packets > 32 * 1024 / 251


def test_one_buffer_means_one_request_at_once():
    image = signed(3, 32 * 1024)
    one = upload("ophion", Kind("one", 2475, 1, 0.0, 0.0), image, LinkOptions())
    plain = upload("smpclient", Kind("one", 2475, 1, 0.0, 0.0), image, LinkOptions())
    assert one.dropped == plain.dropped == 0
    assert one.rate == pytest.approx(plain.rate, rel=0.2)  # writes of another length


def test_smaller_buffers_are_slower_whoever_sends():
    image = signed(3, 32 * 1024)
    for client in ("ophion", "smpclient"):
        large, small = (upload(client, kind, image, LinkOptions()).rate for kind in (OURS, ZEPHYR))
        assert large > small > 1000, client


def test_a_figure_that_is_missed_ends_with_1(capsys):
    argv = ["--kib", str(KIB), "--profile", "1M, 15 ms"]
    assert link.main(argv) == 0
    out = capsys.readouterr().out
    assert "45 ms a sector of 4096" in out and "below" not in out
    assert link.main(argv, Limits(share=0.99)) == 1
    assert "1M, 15 ms: share is 0." in capsys.readouterr().out
    assert link.main([*argv, "--markdown"]) == 0
    assert capsys.readouterr().out.startswith("| link | bound: link, flash | ophion to ours |")


def test_ratios_are_of_the_rates():
    profile = PROFILES[0]
    outcomes = measure(profile, 32)
    found = ratios(profile, outcomes)
    assert found["over_zephyr"] == pytest.approx(found["over_plain"] * found["plain_over_zephyr"])
