"""SMP groups that a board may leave out: date and time, what runs, statistics, settings; and their errors."""

import struct

from ophion_boot.core.eventlog import EVENTS_MAX, EventLog
from ophion_boot.core.inbox import Inbox
from ophion_boot.core.settings import NAME, PERIOD, Settings
from ophion_boot.core.smp_clock import FIELDS, OsMore, parse_datetime, weekday
from ophion_boot.core.smp_ophion import OphionGroup
from ophion_boot.core.smp_os import OsGroup
from ophion_boot.core.smp_session import Session
from ophion_boot.core.smp_settings import SettingsGroup
from ophion_boot.core.smp_stat import StatGroup
from ophion_boot.fmt.cbor import decode_map, encode
from ophion_boot.fmt.smp import pack_request
from support import Cells

READ, WRITE = False, True
HEALTH = {"period_s": 86400, "jitter_s": 3600, "postpone_s": 7200, "settle_s": 60, "fresh_s": 600}
ABOUT = {"s": "micropython", "n": "rig", "r": "1.2.3", "i": "sim", "o": "Ophion 0"}


class Clock:
    """A clock as a board gives it."""

    def __init__(self, now=(2000, 1, 1, 5, 0, 0, 1, 0)):
        self.now = now

    def __call__(self, value=None):
        if self.now is None:
            raise OSError("no clock here")
        if value is None:
            return self.now
        self.now = value
        return None


def session(groups, version=1):
    """`ask(write, group, command, args)` of a Session with `groups`; the answer is a map."""
    served = Session(groups, 2475)

    def ask(write, group, command, args=None):
        request = pack_request(version, write, group, 3, command, encode(args or {}))
        return decode_map(served.handle(memoryview(request))[8:])

    return ask


def os_group(clock=None, strategy="", more=True):
    """The group 0 of a device."""
    handler = OsMore(clock or Clock(), lambda: ABOUT) if more else None
    return OsGroup(Inbox(4, 2475), None, strategy, handler)


def settings_of(cells=None, **health):
    policy = dict(HEALTH)
    policy.update(health)
    return Settings(cells or Cells(), {"name": "rig", "health": policy})


def test_the_clock_is_set_and_read():
    clock = Clock()
    ask = session({0: os_group(clock)})
    assert ask(READ, 0, 4) == {"err": {"group": 0, "rc": 4}}, "not set yet"
    assert ask(WRITE, 0, 4, {"datetime": "2026-02-28T23:59:58.5"}) == {}
    assert clock.now == (2026, 2, 28, 5, 23, 59, 58, 500000)
    assert ask(READ, 0, 4) == {"datetime": "2026-02-28T23:59:58.500000"}
    assert ask(WRITE, 0, 4, {"datetime": "2024-02-29T00:00:00"}) == {}
    assert ask(READ, 0, 4) == {"datetime": "2024-02-29T00:00:00.000000"}
    assert ask(WRITE, 0, 4, {}) == {"rc": 3, "rsn": "datetime is missing"}
    broken = session({0: os_group(Clock(None))})
    assert broken(READ, 0, 4) == {"err": {"group": 0, "rc": 5}}
    assert broken(WRITE, 0, 4, {"datetime": "2026-01-01T00:00:00"}) == {"err": {"group": 0, "rc": 5}}


def test_what_is_no_date_is_refused():
    ask = session({0: os_group()})
    for text in (
        "",
        "2026",
        "2026-01-01 00:00:00",
        "2026-1-01T00:00:00",
        "2026-13-01T00:00:00",
        "2026-00-01T00:00:00",
        "2026-02-29T00:00:00",
        "2026-04-31T00:00:00",
        "2026-01-00T00:00:00",
        "2026-01-01T24:00:00",
        "2026-01-01T00:60:00",
        "2026-01-01T00:00:60",
        "1999-01-01T00:00:00",
        "2100-01-01T00:00:00",
        "2026-01-01T00:00:00.",
        "2026-01-01T00:00:00.1234567",
        "2026-01-01T00:00:00Z",
        "2026-01-01T00:00:00.-1",
        "+026-01-01T00:00:00",
    ):
        assert parse_datetime(text) is None, text
        assert ask(WRITE, 0, 4, {"datetime": text}) == {"err": {"group": 0, "rc": 2}}, text
    assert parse_datetime("2099-12-31T23:59:59.000001") == (2099, 12, 31, 3, 23, 59, 59, 1)


def test_weekdays():
    # Monday is 0; the first days of months in 2024 and 2025.
    days = [weekday(2024, month, 1) for month in range(1, 13)]
    assert days == [0, 3, 4, 0, 2, 5, 0, 3, 6, 1, 4, 6]
    assert weekday(2000, 1, 1) == 5 and weekday(2025, 3, 1) == 5 and weekday(2024, 2, 29) == 3


def test_what_runs_is_told_in_zephyrs_order():
    ask = session({0: os_group()})
    assert ask(READ, 0, 7) == {"output": "micropython"}
    for wanted, output in (
        ("r", "1.2.3"),
        ("rns", "micropython rig 1.2.3"),
        ("oi", "sim Ophion 0"),
        ("a", "micropython rig 1.2.3 sim Ophion 0"),
        ("sa", "micropython rig 1.2.3 sim Ophion 0"),
        ("", ""),
    ):
        assert ask(READ, 0, 7, {"format": wanted}) == {"output": output}, wanted
    for wanted in ("x", "sx", "S", " ", "b"):
        assert ask(READ, 0, 7, {"format": wanted}) == {"err": {"group": 0, "rc": 2}}, wanted
    assert all(letter in FIELDS for letter in ABOUT)


def test_a_mode_for_each_strategy():
    for strategy, mode in (("swap_offset", 3), ("swap_scratch", 1), ("golden", 2), ("ab", 3)):
        ask = session({0: os_group(strategy=strategy)})
        assert ask(READ, 0, 8, {"query": "mode"}) == {"mode": mode}
        assert ask(READ, 0, 8) == {"bootloader": "MCUboot"}
        assert ask(READ, 0, 8, {"query": "x"}) == {"err": {"group": 0, "rc": 3}}


def test_what_a_board_leaves_out_is_not_supported():
    ask = session({0: os_group(more=False)})
    for command in (4, 7):
        assert ask(READ, 0, command)["rc"] == 8
    for group in (2, 3):
        assert ask(READ, group, 0, {"name": "x"})["rc"] == 8


def test_statistics_are_listed_and_shown():
    ask = session({2: StatGroup({"link": lambda: {"requests": 7}, "boot": lambda: {"misses": 0}})})
    assert ask(READ, 2, 1) == {"stat_list": ["boot", "link"]}
    assert ask(READ, 2, 0, {"name": "link"}) == {"name": "link", "fields": {"requests": 7}}
    assert ask(READ, 2, 0, {"name": "lin"}) == {"err": {"group": 2, "rc": 2}}
    assert ask(READ, 2, 0) == {"rc": 3, "rsn": "name is missing"}
    assert ask(WRITE, 2, 0, {"name": "link"})["rc"] == 8
    old = session({2: StatGroup({})}, version=0)
    assert old(READ, 2, 0, {"name": "lin"}) == {"rc": 5, "rsn": "no counters are called 'lin'"}


def test_totals_outlive_the_log():
    cells = Cells()
    log = EventLog(cells)
    assert log.totals() == {}
    for _ in range(EVENTS_MAX + 4):
        log.add("crashed")
    log.add("installed")
    assert len(log.read()) == EVENTS_MAX
    assert EventLog(cells).totals() == {"crashed": EVENTS_MAX + 4, "installed": 1}
    log.trim()
    assert len(log.read()) < EVENTS_MAX and log.totals()["crashed"] == EVENTS_MAX + 4
    cells.store("log", encode({"log": [], "totals": {"a": "x", "b": 2, 3: 4}}))
    assert log.totals() == {"b": 2}
    for garbage in (b"\xff", encode({"totals": [1]}), encode({"log": 1})):
        cells.store("log", garbage)
        assert log.totals() == {}


def test_group_64_reads_what_it_was_given():
    reads = {3: lambda: {"counters": {}}, 4: lambda: {"percent": 55}}
    ask = session({64: OphionGroup({}, EventLog(Cells()), None, None, None, reads)})
    assert ask(READ, 64, 3) == {"counters": {}}
    assert ask(READ, 64, 4) == {"percent": 55}
    assert ask(READ, 64, 5)["rc"] == 8
    assert ask(WRITE, 64, 4)["rc"] == 8


class Shop:
    """A SettingsGroup over `settings`; `applied` are the names that commits have seen."""

    def __init__(self, settings, version=1):
        self.applied = []
        group = SettingsGroup(
            settings, {"ophion/access": lambda: b"open"}, lambda: self.applied.append(settings.values[NAME])
        )
        self.ask = session({3: group}, version)

    def read(self, name):
        return self.ask(READ, 3, 0, {"name": name})

    def write(self, name, val):
        return self.ask(WRITE, 3, 0, {"name": name, "val": val})


def test_a_setting_is_written_committed_saved_and_deleted():
    cells = Cells()
    shop = Shop(settings_of(cells))
    assert shop.read(NAME) == {"val": b"rig"}
    assert shop.read(PERIOD) == {"val": struct.pack("<I", 86400)}
    assert shop.write(NAME, "h\u00fctte".encode()) == {}
    assert shop.write(PERIOD, struct.pack("<I", 7200)) == {}
    assert shop.read(NAME) == {"val": "h\u00fctte".encode()} and shop.applied == []
    assert shop.ask(WRITE, 3, 2) == {} and shop.applied == ["h\u00fctte"]
    assert settings_of(cells).values[NAME] == "rig", "not saved yet"
    assert shop.ask(READ, 3, 3) == {} and shop.read(NAME) == {"val": b"rig"}, "loading forgets it"
    shop.write(NAME, b"shed")
    assert shop.ask(WRITE, 3, 3) == {}
    assert settings_of(cells).values == {NAME: "shed", PERIOD: 86400}
    assert shop.ask(WRITE, 3, 1, {"name": NAME}) == {} and shop.read(NAME) == {"val": b"rig"}
    assert shop.ask(WRITE, 3, 3) == {}
    assert settings_of(cells).values[NAME] == "rig" and cells.values["settings"] == b"\xa0"


def test_saving_what_is_there_writes_nothing():
    class Counting(Cells):
        writes = 0

        def store(self, name, data):
            self.writes += 1
            Cells.store(self, name, data)

    cells = Counting()
    settings = settings_of(cells)
    settings.save()
    assert cells.writes == 0
    settings.write(NAME, b"shed")
    settings.save()
    settings.save()
    assert cells.writes == 1


def test_settings_that_cannot_be():
    shop = Shop(settings_of())
    for name, val in (
        (NAME, b""),
        (NAME, b"x" * 30),
        (NAME, b"\xff\xfe"),
        (PERIOD, b""),
        (PERIOD, b"86400"),
        (PERIOD, struct.pack("<I", 0)),
        (PERIOD, struct.pack("<I", 3599)),
        (PERIOD, struct.pack("<I", 5 * 86400)),
        (PERIOD, b"\xff\xff\xff\xff"),
    ):
        before = shop.read(name)
        answer = shop.write(name, val)
        assert answer["rc"] == 3 and answer["rsn"], (name, val)
        assert shop.read(name) == before
    assert shop.write(NAME, b"x" * 29) == {}
    assert shop.write(PERIOD, struct.pack("<I", 3600)) == {}
    assert shop.write(PERIOD, struct.pack("<I", 5 * 86400 - 3600 - 7200)) == {}
    long = Shop(settings_of(settle_s=4000, fresh_s=600))
    assert long.write(PERIOD, struct.pack("<I", 4600))["rc"] == 3, "the flag could never be set in time"
    assert long.write(PERIOD, struct.pack("<I", 4601)) == {}


def test_no_setting_switches_the_periodic_reset_on_or_off():
    never = Shop(settings_of(period_s=0))
    assert never.write(PERIOD, struct.pack("<I", 7200))["rc"] == 3
    assert never.write(PERIOD, struct.pack("<I", 0)) == {}, "as it is"
    cells = Cells()
    cells.store("settings", encode({PERIOD: 0}))
    assert settings_of(cells).values[PERIOD] == 86400


def test_names_of_settings():
    shop = Shop(settings_of())
    assert shop.read("ophion/access") == {"val": b"open"}
    assert shop.write("ophion/access", b"token") == {"err": {"group": 3, "rc": 6}}
    assert shop.ask(WRITE, 3, 1, {"name": "ophion/access"}) == {"err": {"group": 3, "rc": 7}}
    assert shop.read("ophion/nam") == {"err": {"group": 3, "rc": 3}}
    assert shop.read("x" * 33) == {"err": {"group": 3, "rc": 2}}
    assert shop.ask(READ, 3, 0) == {"rc": 3, "rsn": "name is missing"}
    assert shop.ask(READ, 3, 0, {"name": NAME, "max_size": 2}) == {"val": b"ri"}
    assert shop.ask(READ, 3, 9)["rc"] == 8 and shop.ask(READ, 3, 1, {"name": NAME})["rc"] == 8
    old = Shop(settings_of(), version=0)
    assert old.write("ophion/access", b"x") == {"rc": 8, "rsn": "ophion/access can only be read"}
    assert old.read("nothing")["rc"] == 5


def test_a_cell_that_holds_anything_else_is_the_layouts():
    for kept in (
        b"\xff",
        b"\x80",
        encode({NAME: 5}),
        encode({NAME: b"shed"}),
        encode({NAME: ""}),
        encode({PERIOD: "7200"}),
        encode({PERIOD: 1}),
        encode({"other": 1}),
        encode({3: 4}),
    ):
        cells = Cells()
        cells.store("settings", kept)
        assert settings_of(cells).values == {NAME: "rig", PERIOD: 86400}, kept

    class Worn(Cells):
        def load(self, name):
            raise OSError(5)

    assert settings_of(Worn()).values == {NAME: "rig", PERIOD: 86400}


def test_the_bytes_of_the_settings_cell():
    cells = Cells()
    settings = settings_of(cells)
    settings.write(NAME, b"shed")
    settings.save()
    assert cells.values["settings"] == b"\xa1\x6bophion/name\x64shed"
    settings.delete(NAME)
    settings.write(PERIOD, struct.pack("<I", 7200))
    settings.save()
    assert cells.values["settings"] == b"\xa1\x6fophion/period_s\x19\x1c\x20"
