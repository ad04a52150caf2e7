"""The figures that have to hold, and the bound that link and flash set."""

from dataclasses import dataclass

from powercut.images import signed

from bench.link.clients import Outcome, upload
from bench.link.device import OURS, ZEPHYR, flash_rate
from bench.link.radio import LinkOptions

RUNS = (("ophion", OURS), ("smpclient", OURS), ("smpclient", ZEPHYR))


@dataclass(frozen=True)
class Profile:
    """A link and the state of the slot; the figures are held on it, or only told, and `why`."""

    name: str
    link: LinkOptions
    blank: bool = False
    why: str = ""


PROFILES = (
    Profile("1M, 15 ms", LinkOptions(0.015, "1M")),
    Profile("1M, 30 ms", LinkOptions(0.030, "1M")),
    Profile("2M, 15 ms", LinkOptions(0.015, "2M")),
    Profile("1M, 15 ms, blank", LinkOptions(0.015, "1M"), blank=True),
    Profile("1M, 7.5 ms", LinkOptions(0.0075, "1M"), why="told"),
)


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
    """The figures that do not hold."""
    found = ratios(profile, outcomes)
    least = vars(limits or Limits())
    return [
        f"{profile.name}: {name} is {found[name]:.2f}, below {least[name]:.2f}"
        for name in least
        if found[name] < least[name]
    ]
