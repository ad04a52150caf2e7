"""The rules that an image has to pass beside its signatures, as a table (SPEC.md 8.5)."""

import hashlib

from ophion_boot.fmt.claims import Claims
from ophion_boot.fmt.key import key_hash
from ophion_boot.fmt.statement import (
    ANY_HARDWARE,
    BY_ROOTS,
    INTERMEDIATE,
    REVOCATION,
    ROLES,
    SIGNING,
    STOP,
    Statement,
    hardware_tag,
)


class Device:
    """What the rules know of this device: its hardware id ("": unknown) and its MicroPython version."""

    def __init__(self, hardware: str = "", runtime: tuple | None = None) -> None:
        self.hardware = hardware
        self.runtime = runtime

    def fits(self, statement: Statement) -> bool:
        """True when the limits of a key allow this hardware, or the hardware is unknown."""
        wanted = statement.limits.hardware
        return not self.hardware or wanted in (ANY_HARDWARE, hardware_tag(self.hardware))


def revocation_mark(issuer: bytes, subject: bytes) -> bytes:
    """What a device keeps of a revocation, 32 bytes.

    What an intermediate key revokes is revoked only among the keys that it issued.
    """
    return subject if issuer == BY_ROOTS else hashlib.sha256(issuer + subject).digest()


def find_revoked(cell, key: bytes, chain: list[Statement], stop: bool) -> str:  # type: ignore[no-untyped-def]
    """The name of what is revoked in `cell` or by `chain`, "" for nothing.

    It is a link of the chain, or `key` itself where there is no chain. With `stop` only what may not even
    go on running.
    """
    marks = [entry[0] for entry in cell.revoked if entry[1] or not stop]
    for statement in chain:
        if statement.role == REVOCATION and (statement.flags & STOP or not stop):
            marks.append(revocation_mark(statement.issuer, statement.subject))
    if not chain:
        return "key" if key and key_hash(key) in marks else ""
    for statement in chain:
        if statement.role in (INTERMEDIATE, SIGNING):
            if statement.subject in marks or revocation_mark(statement.issuer, statement.subject) in marks:
                return ROLES[statement.role]
    return ""


class Case:
    """One image before the rules: the TrustCell, the Device, key, chain, claims, image number."""

    def __init__(  # type: ignore[no-untyped-def]
        self, cell, device: Device, key: bytes, chain: list[Statement], claims: Claims, number: int
    ) -> None:
        self.cell = cell
        self.device = device
        self.key = key
        self.chain = chain
        self.links = [s for s in chain if s.role in (INTERMEDIATE, SIGNING)]
        self.claims = claims
        self.number = number


def _stopped(case: Case) -> str:
    name = find_revoked(case.cell, case.key, case.chain, True)
    return "the %s is revoked, running images included" % name if name else ""


def _revoked(case: Case) -> str:
    name = find_revoked(case.cell, case.key, case.chain, False)
    return "the %s is revoked" % name if name else ""


def _superseded(case: Case) -> str:
    for statement in case.links:
        least = case.cell.images[case.number].intermediate
        if statement.role == SIGNING:
            least = case.cell.signing_floor(statement.issuer, case.number)
        if statement.version < least:
            return "%s is superseded by %d" % (statement.name(), least)
    return ""


def _counter(case: Case) -> str:
    least = case.cell.images[case.number].counter
    if case.claims.counter is None:
        return "no security counter, at least %d is needed" % least if least else ""
    if case.claims.counter < least:
        return "security counter %d is below %d" % (case.claims.counter, least)
    return ""


def _period(case: Case) -> str:
    counter = case.claims.counter or 0
    for statement in case.links:
        limits = statement.limits
        if counter > limits.counter_max:
            text = "%s: expired, counter %d is above %d"
            return text % (statement.name(), counter, limits.counter_max)
        if counter < limits.counter_min:
            text = "%s: too early, counter %d is below %d"
            return text % (statement.name(), counter, limits.counter_min)
    return ""


def _images(case: Case) -> str:
    for statement in case.links:
        if not statement.limits.images >> case.number & 1:
            return "%s is not for image %d" % (statement.name(), case.number)
    return ""


def _key_hardware(case: Case) -> str:
    for statement in case.links:
        if not case.device.fits(statement):
            return "%s is for other hardware" % statement.name()
    return ""


def _hardware(case: Case) -> str:
    own, wanted = case.device.hardware, case.claims.hardware
    if not wanted or not own or own in wanted:
        return ""
    return "image for hardware %s, this is %s" % (",".join(wanted), own)


def _runtime(case: Case) -> str:
    own, wanted = case.device.runtime, case.claims.runtime
    if not wanted or not own or tuple(own[:3]) >= wanted:
        return ""
    return "image needs MicroPython %d.%d.%d, this is %d.%d.%d" % (wanted + tuple(own[:3]))


# (what is refused, the rule: "" or the reason, the device has gone on (it was good once), the image that was
# confirmed last may run all the same)
RULES = (
    ("a key that is revoked with the flag STOP", _stopped, True, False),
    ("a revoked key", _revoked, True, True),
    ("a statement below the device's version", _superseded, True, True),
    ("a security counter below the device's", _counter, True, True),
    ("a security counter outside the limits of a key", _period, False, False),
    ("an image number outside the limits of a key", _images, False, False),
    ("a key for other hardware", _key_hardware, False, False),
    ("an image for other hardware", _hardware, False, False),
    ("an image for a newer MicroPython", _runtime, False, False),
)
