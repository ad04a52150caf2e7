"""The figures that have to hold, and the bound that link and flash set."""

from dataclasses import dataclass

from powercut.images import signed

from bench.link.clients import Outcome, upload
from bench.link.device import OURS, ZEPHYR, flash_rate
from bench.link.radio import LinkOptions

RUNS = (("ophion", OURS), ("smpclient", OURS), ("smpclient", ZEPHYR))


@dataclass(frozen=True)
class Profile:
    """A link and the state of the slot, the figures that are held on it, and why others are not."""

    name: str
    link: LinkOptions
    blank: bool = False
    held: tuple[str, ...] = ("share", "over_zephyr", "over_plain", "plain_over_zephyr")
    why: str = ""


PROFILES = (
    Profile("1M, 30 ms", LinkOptions(0.030, "1M")),
    Profile("1M, 15 ms", LinkOptions(0.015, "1M")),
    Profile(
        "2M, 15 ms",
        LinkOptions(0.015, "2M"),
        held=("share", "over_zephyr", "plain_over_zephyr"),
        why="smpclient gets 50 kB/s, this device takes 74 kB/s when it never waits: 1.49 times at most",
    ),
    Profile("1M, 15 ms, blank", LinkOptions(0.015, "1M"), blank=True),
    Profile(
        "1M, 7.5 ms",
        LinkOptions(0.0075, "1M"),
        held=("share", "over_plain"),
        why="smpclient gets 19 kB/s out of 384 bytes, this flash takes 80 kB/s: 4.2 times at most, and so "
        "never 1.5 times over smpclient that is 3 times over that",
    ),
)
"""30 ms is what BlueZ, iOS and Windows begin with, and what bleak cannot change; 15 ms the least that Apple's
guidelines allow, 7.5 ms the least that there is. A slot that is not blank is the usual one."""


@dataclass(frozen=True)
class Limits:
    """What has to be reached at least: a share of the bound, and how many times another client's rate."""

    share: float = 0.85
    over_zephyr: float = 6.0
    over_plain: float = 1.5
    plain_over_zephyr: float = 3.0


def bounds(profile: Profile) -> tuple[float, float]:
    """Bytes a second: what the link carries, and what the flash takes."""
    return profile.link.rate(), flash_rate(profile.blank)


def measure(profile: Profile, kib: int) -> list[Outcome]:
    """The runs of RUNS with an image of `kib` KiB."""
    image = signed(2, kib * 1024)
    return [upload(client, kind, image, profile.link, profile.blank) for client, kind in RUNS]


def ratios(profile: Profile, outcomes: list[Outcome]) -> dict[str, float]:
    """What `Limits` is about, by the names of its fields."""
    ours, plain, zephyr = (outcome.rate for outcome in outcomes)
    return {
        "share": ours / min(bounds(profile)),
        "over_zephyr": ours / zephyr,
        "over_plain": ours / plain,
        "plain_over_zephyr": plain / zephyr,
    }


def broken(profile: Profile, outcomes: list[Outcome], limits: Limits | None = None) -> list[str]:
    """The figures that should hold and do not."""
    found = ratios(profile, outcomes)
    least = vars(limits or Limits())
    return [
        f"{profile.name}: {name} is {found[name]:.2f}, below {least[name]:.2f}"
        for name in profile.held
        if found[name] < least[name]
    ]


def out_of_reach(profile: Profile, outcomes: list[Outcome], limits: Limits | None = None) -> set[str]:
    """The figures that no uploader could reach here, however well it fills the link.

    For the flash is too slow; or the device is, if it never waited; or what smpclient would have to reach is
    so much that no more than `over_plain` times as much is left.
    """
    ours, plain, zephyr = outcomes
    most = min(bounds(profile))
    least = limits or Limits()
    found = {
        "over_zephyr": most < least.over_zephyr * zephyr.rate,
        "over_plain": ours.size / ours.busy < least.over_plain * plain.rate,
        "plain_over_zephyr": most < least.over_plain * least.plain_over_zephyr * zephyr.rate,
    }
    return {name for name, beyond in found.items() if beyond}
