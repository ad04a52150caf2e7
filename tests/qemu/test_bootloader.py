"""The bootloader, frozen into real MicroPython on an emulated chip, boots and updates from its NOR flash."""

HELLO = """
import ophion_app
print("app", ophion_app.version(), ophion_app.trial())
"""
CONFIRMS = HELLO + 'print("confirm", ophion_app.confirm())\n'
RESETS = HELLO + "import machine\nmachine.reset()\n"
HANGS_ONCE = (
    HELLO
    + """
import machine
if machine.reset_cause() != machine.WDT_RESET:
    while True:
        pass
print("the watchdog did that")
raise RuntimeError("and now this")
"""
)
SECTOR = 0x40000


def test_a_signed_image_boots_and_its_files_lie_in_flash(bench):
    program = HELLO + 'file = open("/app/asset.bin", "rb")\nprint(file.seek(-1, 2), file.read())\n'
    with bench.device(bench.image("1.0.0", program, asset=2 * SECTOR)) as device:
        device.start()
        assert "ophion: 1.0.0 runs\napp 1.0.0 None\n" in device.wait_for(f"{2 * SECTOR - 1} b'\\xf9'\n")


def test_nothing_runs_that_was_tampered_with(bench):
    image = bench.image("1.0.0", HELLO, asset=1000, flip=1200)
    with bench.device(image) as device:
        device.start()
        said = device.wait_for("ophion: recovery")
        assert "ophion: nothing to run: " in said
        assert "app" not in said.partition("nothing to run: ")[2].partition("\n")[2]


def test_an_update_is_swapped_in_and_stays_when_it_is_confirmed(bench):
    old = bench.image("1.0.0", HELLO, asset=2 * SECTOR)
    new = bench.image("2.0.0", CONFIRMS, asset=3 * SECTOR)
    with bench.device(old) as device:
        device.stage(new)
        device.start()
        said = device.wait_for("confirm True")
        assert "ophion: installed 2.0.0: test\nophion: 2.0.0 runs (trial 1 of 3)\n" in said
        device.start()
        assert "trial" not in device.wait_for("confirm False")
        device.stop()
        assert device.reads("primary", len(new)) == new
        assert device.reads("secondary", len(old)) == old


def test_an_update_that_is_not_confirmed_is_reverted(bench):
    old = bench.image("1.0.0", HELLO, asset=SECTOR)
    with bench.device(old) as device:
        device.stage(bench.image("2.0.0", RESETS))
        device.start()
        said = device.wait_for("app 1.0.0 None")
        assert [f"app 2.0.0 ({n}, 3)" in said for n in (1, 2, 3)] == [True] * 3
        assert "ophion: reverted 1.0.0: the trial is over" in said
        device.stop()
        assert device.reads("primary", len(old)) == old


def test_an_update_that_hangs_and_then_raises_is_reverted(bench):
    with bench.device(bench.image("1.0.0", HELLO)) as device:
        device.stage(bench.image("2.0.0", HANGS_ONCE))
        device.start()
        said = device.wait_for("app 1.0.0 None", timeout_s=60)
        assert said.count("the watchdog did that") == 1
        assert said.count("app 2.0.0") == 3 and "ophion: reverted 1.0.0" in said


def test_an_update_that_was_tampered_with_is_refused(bench):
    old = bench.image("1.0.0", HELLO)
    with bench.device(old) as device:
        device.stage(bench.image("2.0.0", HELLO, asset=1000, flip=1200))
        device.start()
        said = device.wait_for("app 1.0.0 None")
        assert "ophion: refused" in said and "installed" not in said
        device.stop()
        assert device.reads("primary", len(old)) == old


def test_files_of_the_user_outlive_reset_and_power(bench):
    program = """
import machine, ophion_app, os
if "count" in os.listdir("/"):
    count = int(open("/count").read()) + 1
else:
    count = 1
with open("/count", "w") as file:
    file.write(str(count))
print("count", count, machine.reset_cause())
if count == 2:
    ophion_app.health.report(proven=True)
    machine.reset()
"""
    with bench.device(bench.image("1.0.0", program)) as device:
        device.start()
        device.wait_for("count 1 1\n")
        device.start()
        assert "count 2 1\n" in device.wait_for("count 3 2\n")
