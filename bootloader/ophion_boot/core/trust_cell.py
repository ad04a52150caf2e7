"""What a device remembers about trust: one blob in the cell `trust` (SPEC.md 8.6).

Nothing in it adds trust but `known` and `followed`, which save the checks of what was checked before: root
sets are kept with their signatures, the rest only refuses. A cell that is lost or garbage is an empty one.
"""

from ophion_boot.compat import const
from ophion_boot.fmt import FormatError
from ophion_boot.fmt.cbor import decode_map, encode

_CELL = "trust"
_FORMAT = const(1)
IMAGES = 2
REVOKED_MAX = 8
ISSUERS_MAX = 6
KNOWN_MAX = 2
PATH_MAX = 2
PATH_BYTES_MAX = 2048
_HASH_BYTES = const(32)


class ImageFloor:
    """The floors of one image number, and `spared`: the digest of the image that was confirmed last."""

    def __init__(self, counter: int = 0, intermediate: int = 0, spared: bytes = b"") -> None:
        self.counter = counter
        self.intermediate = intermediate
        self.spared = spared


class TrustCell:
    """The remembered facts, over `cells` (load(name), store(name, bytes)), or in memory only for None.

    roots    statements of root sets that followed the firmware's own, oldest first (bytes)
    images   ImageFloor for each image number
    issuers  [issuer hash, image number, version of the intermediate, least version of a signing key]
    revoked  [mark of 32 bytes (see `Trust`), stop]
    known    marks of chains whose signatures were checked, the newest last
    followed marks of root sets whose signatures were checked
    """

    def __init__(self, cells) -> None:  # type: ignore[no-untyped-def]
        self._cells = cells
        self._stored = b""
        self._clear()
        data = cells.load(_CELL) if cells else None
        if data:
            try:
                self._read(decode_map(bytes(data)))
                self._stored = bytes(data)
            except (FormatError, KeyError, TypeError, ValueError, IndexError):
                self._clear()

    def _clear(self) -> None:
        self.roots: list[bytes] = []
        self.images = [ImageFloor() for _ in range(IMAGES)]
        self.issuers: list[list] = []
        self.revoked: list[list] = []
        self.known: list[bytes] = []
        self.followed: list[bytes] = []

    def save(self) -> bool:
        """Write the cell if it says something else than before; True when it was written.

        Raises OSError or ValueError from the cells.
        """
        data = encode(
            {
                "v": _FORMAT,
                "roots": self.roots,
                "images": [[floor.counter, floor.intermediate, floor.spared] for floor in self.images],
                "issuers": self.issuers,
                "revoked": self.revoked,
                "known": self.known,
                "followed": self.followed,
            }
        )
        if data == self._stored or self._cells is None:
            return False
        self._cells.store(_CELL, data)
        self._stored = data
        return True

    def signing_floor(self, issuer: bytes, number: int) -> int:
        """The least version of a signing key statement by `issuer` for image `number`."""
        for entry in self.issuers:
            if entry[0] == issuer and entry[1] == number:
                return int(entry[3])
        return 0

    def raise_signing_floor(self, issuer: bytes, number: int, intermediate: int, version: int) -> None:
        """Raise that floor; `intermediate` is the version of the issuer's own statement.

        Entries of superseded intermediates go: their keys are refused anyway. When there is no room, the
        entry of the oldest intermediate goes.
        """
        for entry in self.issuers:
            if entry[0] == issuer and entry[1] == number:
                entry[2] = max(entry[2], intermediate)
                entry[3] = max(entry[3], version)
                return
        self.issuers = [e for e in self.issuers if e[2] >= self.images[e[1]].intermediate]
        if len(self.issuers) == ISSUERS_MAX:
            oldest = 0
            for i in range(1, len(self.issuers)):
                if self.issuers[i][2] < self.issuers[oldest][2]:
                    oldest = i
            self.issuers.pop(oldest)
        self.issuers.append([issuer, number, intermediate, version])

    def revocation(self, mark: bytes) -> list | None:
        """The entry of a revoked key, or None."""
        for entry in self.revoked:
            if entry[0] == mark:
                return entry
        return None

    def _read(self, value: dict) -> None:
        if value["v"] != _FORMAT:
            raise FormatError("format")
        self.roots = [_blob(item) for item in value["roots"]]
        images = [
            ImageFloor(_number(item[0]), _number(item[1]), _hash_or_none(item[2])) for item in value["images"]
        ]
        if len(images) != IMAGES:
            raise FormatError("images")
        self.images = images
        self.issuers = [
            [_hash(item[0]), _image(item[1]), _number(item[2]), _number(item[3])] for item in value["issuers"]
        ]
        self.revoked = [[_hash(item[0]), _flag(item[1])] for item in value["revoked"]]
        self.known = [_hash(item) for item in value["known"]]
        self.followed = [_hash(item) for item in value["followed"]]


def _number(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise FormatError("number")
    return value


def _image(value: object) -> int:
    if _number(value) >= IMAGES:
        raise FormatError("image number")
    return value  # type: ignore[return-value]


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise FormatError("flag")
    return value


def _blob(value: object) -> bytes:
    if not isinstance(value, (bytes, bytearray, memoryview)):
        raise FormatError("bytes")
    return bytes(value)


def _hash(value: object) -> bytes:
    data = _blob(value)
    if len(data) != _HASH_BYTES:
        raise FormatError("hash")
    return data


def _hash_or_none(value: object) -> bytes:
    return _hash(value) if len(_blob(value)) else b""
