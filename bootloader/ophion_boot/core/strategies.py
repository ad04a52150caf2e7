"""The install strategies by name. Each is imported only when it is asked for: a board may leave the
others out of its firmware.

A class of a strategy says what it needs of a layout, for `make` and for the host that checks layouts:
`areas`, the names of the areas that it is built from, in the order of its arguments,
`room(sectors, sector, write_size, sealed)`, the most bytes of an image, `sectors` being those areas' sectors,
and `takes_encrypted`, whether encrypted images can be installed.
"""

from ophion_boot.core.strategy import StrategyError

NAMES = ("swap_offset", "swap_scratch", "golden", "ab")


def strategy_class(name: str):  # type: ignore[no-untyped-def]
    """The class of the strategy `name`; raises StrategyError when there is none."""
    if name == "swap_offset":
        from ophion_boot.core.swap_offset import SwapOffset

        return SwapOffset
    if name == "swap_scratch":
        from ophion_boot.core.swap_scratch import SwapScratch

        return SwapScratch
    if name == "golden":
        from ophion_boot.core.golden import Golden

        return Golden
    if name == "ab":
        from ophion_boot.core.ab import AB

        return AB
    raise StrategyError("strategy %s is not one of %s" % (name, ", ".join(NAMES)))


def make(name: str, area, buf: bytearray, trials: int, feed=None, secret=None):  # type: ignore[no-untyped-def]
    """The strategy `name`; `area(name)` gives the Area that the layout calls so.

    `secret` is the Secret of a board that takes encrypted images; raises StrategyError when `name` cannot.
    """
    kind = strategy_class(name)
    parts = [area(part) for part in kind.areas]
    if secret is None:
        return kind(*parts, buf, trials, feed)
    if not kind.takes_encrypted:
        raise StrategyError("images run where they lie under %s: they cannot be encrypted" % name)
    return kind(*parts, buf, trials, feed, secret)
