"""Who may sign, what is too old, and what a device remembers of it (SPEC.md 8).

No I/O but the cell. An image goes through `read` (form of its chain), `admit` (the rules) and `check`
(signatures of its chain); `settle` raises the floors when it is confirmed; `deliver` takes statements that
come without an image.
"""

import hashlib

from ophion_boot.core.roots import RootSet, TrustError, check_chain
from ophion_boot.core.trust_cell import (
    IMAGES,
    KNOWN_MAX,
    PATH_BYTES_MAX,
    PATH_MAX,
    REVOKED_MAX,
    TrustCell,
)
from ophion_boot.core.trust_rules import RULES, Case, Device, find_revoked, revocation_mark
from ophion_boot.fmt import FormatError
from ophion_boot.fmt.claims import Claims
from ophion_boot.fmt.key import from_raw
from ophion_boot.fmt.statement import (
    INTERMEDIATE,
    REVOCATION,
    ROOTS,
    SIGNING,
    STOP,
    Statement,
    parse_chain,
)


class Proof:
    """Why the key of an image may sign: `key` (encoded), and the statements of its chain with their bytes
    `data`; no statements for a key that the device holds itself. `roots` is the root set under which the
    signatures of the chain held, None until `Trust.check`."""

    def __init__(self, key: bytes, chain: list[Statement], data: bytes) -> None:
        self.key = key
        self.chain = chain
        self.data = data
        self.roots: RootSet = None  # type: ignore[assignment]


class Trust:
    """What a device trusts.

    `keys` is [(key hash, key)], keys that sign images without a chain, encoded or raw Ed25519. `roots` is
    None or {"version", "threshold", "keys"}, the root set that the firmware holds. `cells` keeps what is
    learned (None: nothing is kept). With `cache` False every chain is checked at every boot, whatever the
    cell says. `tables` are the firmware's, for any of these keys (core/keys.py).
    """

    def __init__(  # type: ignore[no-untyped-def]
        self,
        keys,
        roots: dict | None = None,
        cells=None,
        device: Device | None = None,
        cache: bool = True,
        tables: dict | None = None,
    ) -> None:
        self.tables = tables
        self._keys = {bytes(key_hash): from_raw(key) for key_hash, key in keys}
        self._device = device or Device()
        self._cache = cache
        self._cell = TrustCell(cells)
        # The root sets that are known, the firmware's own first, and the statements of the others.
        self._sets: list[RootSet] = []
        self._path: list[Statement] = []
        if roots:
            self._sets.append(RootSet(roots["version"], roots["threshold"], roots["keys"], tables))
            self._load_path()

    # Images

    def read(self, key_hash: bytes, claims: Claims) -> Proof:
        """The Proof of the key with this hash, its signatures unchecked; raises TrustError."""
        proof = self.foresee(key_hash)
        if proof.key:
            return proof
        short = "(key hash %s...)" % key_hash[:4].hex()
        if not claims.chain:
            raise TrustError("no chain, and signed by an unknown key " + short)
        chain = _parse(claims.chain)
        if chain[-1].role != SIGNING:
            raise TrustError("chain: it ends without a signing key")
        if chain[-1].subject != key_hash:
            raise TrustError("chain: it is for another key than the image's " + short)
        return Proof(chain[-1].key, chain, claims.chain)

    def foresee(self, key_hash: bytes) -> Proof:
        """The Proof of a key that the device holds; for another, which a chain may vouch for, and for no hash
        one without a key. Raises TrustError for a key that nothing can vouch for here."""
        key = self._keys.get(key_hash, b"")
        if key_hash and not key and not self._sets:
            raise TrustError("signed by an unknown key (key hash %s...)" % key_hash[:4].hex())
        return Proof(key, [], b"")

    def admit(self, proof: Proof, claims: Claims, digest: bytes, number: int) -> None:
        """Raise TrustError unless the rules of SPEC.md 8.5 let image `number` with this `digest` run."""
        if number >= IMAGES:
            raise TrustError("image %d is not on this device" % number)
        case = Case(self._cell, self._device, proof.key, proof.chain, claims, number)
        spared = self._spares(digest, number)
        for _, rule, old, may_spare in RULES:
            reason = rule(case)
            if reason and not (spared and may_spare):
                raise TrustError(reason, old)

    def check(self, proof: Proof, digest: bytes, number: int) -> None:
        """Raise TrustError unless every signature of the chain holds; nothing to do for a key of the device.

        The image that was confirmed last may have a chain by roots that the device had before.
        """
        if not proof.chain:
            return
        sets = self._sets[::-1] if self._spares(digest, number) else self._sets[-1:]
        for roots in sets:
            if self._cache and _mark(roots, proof.data) in self._cell.known:
                proof.roots = roots
                return
        error = TrustError("")
        for roots in sets:
            try:
                check_chain(roots, proof.chain)
                proof.roots = roots
                return
            except TrustError as e:
                error = error if str(error) else e
        raise error

    def settle(self, proof: Proof, claims: Claims, digest: bytes, number: int) -> str:
        """Image `number` is confirmed: its statements and its counter become the floors.

        Idempotent, one write at most. Returns "" or why it could not be kept; what is in memory counts.
        """
        floor = self._cell.images[number]
        if not self._sets and not floor.counter and not claims.counter:
            return ""
        floor.counter = max(floor.counter, claims.counter or 0)
        try:
            # A chain by older roots is that of the spared image: its statements were taken over before.
            if proof.roots is not None and proof.roots.digest == self._sets[-1].digest:
                self._settle_chain(proof)
            floor.spared = digest
            self._cell.save()
        except (OSError, ValueError) as e:
            return "what is trusted cannot be kept: %s" % e
        return ""

    # Statements without an image

    def deliver(self, data: bytes | memoryview) -> list[str]:
        """Take the statements of the chain `data` (SPEC.md 8.3; it need not end with a signing key).

        Returns the names of the statements. Raises TrustError when one is refused (then none is taken),
        OSError or ValueError when they cannot be kept.
        """
        if not self._sets:
            raise TrustError("this device has no roots: it takes no statements")
        chain = _parse(data)
        revoked = find_revoked(self._cell, b"", chain, False)
        if revoked:
            raise TrustError("the %s is revoked" % revoked, True)
        for statement in chain:
            self._check_news(statement)
        check_chain(self._sets[-1], chain)
        self._apply(chain)
        self._cell.save()
        return [statement.name() for statement in chain]

    def state(self) -> dict:
        """Versions and floors as plain values (SPEC.md 6.2, group 64)."""
        roots = self._sets[-1] if self._sets else None
        return {
            "roots": roots.version if roots else 0,
            "threshold": roots.threshold if roots else 0,
            "rootkeys": roots.ids() if roots else [],
            "keys": len(self._keys),
            "images": [
                {"counter": floor.counter, "intermediate": floor.intermediate} for floor in self._cell.images
            ],
            "issuers": [
                {"issuer": entry[0], "image": entry[1], "signing": entry[3]} for entry in self._cell.issuers
            ],
            "revoked": len(self._cell.revoked),
        }

    # The inside

    def _spares(self, digest: bytes, number: int) -> bool:
        return number < IMAGES and len(digest) > 0 and digest == self._cell.images[number].spared

    def _check_news(self, statement: Statement) -> None:
        """Raise TrustError for a statement that is older than what the device has, or for other hardware."""
        if statement.role == ROOTS and statement.version < self._sets[-1].version:
            raise TrustError("%s is superseded by %d" % (statement.name(), self._sets[-1].version), True)
        if statement.role not in (INTERMEDIATE, SIGNING):
            return
        for number in _numbers(statement):
            least = self._cell.images[number].intermediate
            if statement.role == SIGNING:
                least = self._cell.signing_floor(statement.issuer, number)
            if statement.version < least:
                raise TrustError("%s is superseded by %d" % (statement.name(), least), True)
        if not self._device.fits(statement):
            raise TrustError("%s is for other hardware" % statement.name())

    def _settle_chain(self, proof: Proof) -> None:
        self._apply(proof.chain)
        mark = _mark(self._sets[-1], proof.data)
        if self._cache and mark not in self._cell.known:
            self._cell.known.append(mark)
            self._cell.known = self._cell.known[-KNOWN_MAX:]

    def _apply(self, chain: list[Statement]) -> None:
        """Take over what checked statements say; raises TrustError before anything changes."""
        revoked = self._with_revoked(chain)
        path = self._with_roots(chain)
        self._cell.revoked = revoked
        if path:
            self._cell.roots = [statement.bytes for statement in path]
            self._cell.followed = []
            self._sets, self._path = self._sets[:1], []
            for statement in path:
                self._follow(statement)
        intermediate = 0
        for statement in chain:
            if statement.role == INTERMEDIATE:
                intermediate = statement.version
                for number in _numbers(statement):
                    floor = self._cell.images[number]
                    floor.intermediate = max(floor.intermediate, statement.version)
            elif statement.role == SIGNING:
                for number in _numbers(statement):
                    self._cell.raise_signing_floor(statement.issuer, number, intermediate, statement.version)

    def _with_revoked(self, chain: list[Statement]) -> list[list]:
        revoked = [list(entry) for entry in self._cell.revoked]
        for statement in chain:
            if statement.role != REVOCATION:
                continue
            mark = revocation_mark(statement.issuer, statement.subject)
            stop = bool(statement.flags & STOP)
            same = [entry for entry in revoked if entry[0] == mark]
            if same:
                same[0][1] = same[0][1] or stop
            elif len(revoked) == REVOKED_MAX:
                raise TrustError("no room for more than %d revocations" % REVOKED_MAX)
            else:
                revoked.append([mark, stop])
        return revoked

    def _with_roots(self, chain: list[Statement]) -> list[Statement]:
        """The shortest way from the firmware's root set to the newest of `chain`; empty: none is newer."""
        newest = self._sets[-1].version
        news = [s for s in chain if s.role == ROOTS and s.version > newest]
        if not news:
            return []
        path = self._path + news
        if len(path) > 1 and self._follows_the_firmware(path[-1]):
            path = path[-1:]
        if len(path) > PATH_MAX or sum([len(s.bytes) for s in path]) > PATH_BYTES_MAX:
            raise TrustError("%s: too far from the firmware's root set" % path[-1].name())
        return path

    def _follows_the_firmware(self, statement: Statement) -> bool:
        try:
            self._sets[0].check_successor(statement)
            return True
        except TrustError:
            return False

    def _load_path(self) -> None:
        """The root sets that followed the firmware's; what is not newer or does not hold is not looked at."""
        for data in self._cell.roots:
            try:
                statement = Statement(data)
                if statement.role != ROOTS or statement.version <= self._sets[0].version:
                    continue
                if not (self._cache and _mark(self._sets[-1], data) in self._cell.followed):
                    self._sets[-1].check_successor(statement)
            except (FormatError, TrustError):
                return
            self._follow(statement)

    def _follow(self, statement: Statement) -> None:
        """Add a checked root set."""
        mark = _mark(self._sets[-1], statement.bytes)
        if self._cache and mark not in self._cell.followed:
            self._cell.followed.append(mark)
        self._sets.append(RootSet.of(statement, self.tables))
        self._path.append(statement)


def _parse(data: bytes | memoryview) -> list[Statement]:
    try:
        return parse_chain(data)
    except FormatError as e:
        raise TrustError(str(e))


def _numbers(statement: Statement) -> list[int]:
    """The image numbers of this device that the limits of a key allow."""
    return [number for number in range(IMAGES) if statement.limits.images >> number & 1]


def _mark(roots: RootSet, data: bytes) -> bytes:
    """Names what was checked, and beginning with which roots."""
    return hashlib.sha256(roots.digest + data).digest()
