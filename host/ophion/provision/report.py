"""Is a chip as its table wants it? Every condition that does not hold is named."""

from __future__ import annotations

from dataclasses import dataclass

from ophion.provision.plan import Condition, chip_hindrances, conditions, holds
from ophion.provision.state import State
from ophion.provision.wishes import Wishes


@dataclass(frozen=True)
class Finding:
    """One condition: `holds` is None when the chip does not show it."""

    row: str
    says: str
    lines: tuple[str, ...]
    holds: bool | None


@dataclass(frozen=True)
class Report:
    """All conditions of a chip, and what is wrong with the chip as such."""

    findings: tuple[Finding, ...]
    faults: tuple[str, ...]

    @property
    def missing(self) -> list[Finding]:
        """Conditions that do not hold."""
        return [item for item in self.findings if item.holds is False]

    @property
    def unseen(self) -> list[Finding]:
        """Conditions that nothing can be said about."""
        return [item for item in self.findings if item.holds is None]

    @property
    def good(self) -> bool:
        """Everything that can be seen is as it should be, and something was seen."""
        return not self.faults and not self.missing and len(self.unseen) < len(self.findings)


def check(wishes: Wishes, state: State) -> Report:
    """Compare `state` with everything that `wishes` ask for."""
    found = tuple(_finding(item, state) for item in conditions(wishes, state))
    return Report(found, tuple(chip_hindrances(wishes, state)))


def _finding(item: Condition, state: State) -> Finding:
    return Finding(item.row.name, item.says, item.row.lines, holds(item, state))
