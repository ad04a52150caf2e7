"""What this device and the centrals that paired with it keep of each other: the cell `bonds` (SPEC.md 11.4).

The radio's handler reads and changes the copy in memory; `save` writes the cell, outside of the handler. A
cell that is lost, or garbage, is no bonds: whoever had one pairs again.
"""

from ophion_boot.compat import const
from ophion_boot.fmt import FormatError
from ophion_boot.fmt.cbor import decode_map, encode

_CELL = "bonds"
_FORMAT = const(1)
# Types of NimBLE's records (ble_store.h): ours, the peer's; MicroPython's own: the device's identity key.
_OURS, _PEERS, _IDENTITY = const(1), const(2), const(10)
_RECORD_MAX = const(128)
BONDS_MAX = 4


class Bonds:
    """Records [type, key, value] (bytes), oldest first, over `cells` as TrustCell has them."""

    def __init__(self, cells, make_room) -> None:  # type: ignore[no-untyped-def]
        self._cells = cells
        self._make_room = make_room
        self._records: list[list] = []
        self._aside: list[list] = []
        self._new: list[list] = []
        self._good = False
        self._dirty = False
        try:
            self._records = _read(cells.load(_CELL))
        except (OSError, FormatError, KeyError, TypeError, ValueError):
            self._dirty = True

    def get(self, kind: int, index: int, key: bytes | None) -> bytes | None:
        """The value of `key`, or, for None, the `index`th of that type; None when there is none."""
        found = [r for r in self._records if r[0] == kind and r not in self._aside]
        found += [r for r in self._new if r[0] == kind]
        if key is not None:
            found = [r for r in found if r[1] == key][-1:]
            index = 0
        return found[index][2] if index < len(found) else None

    def set(self, kind: int, key: bytes, value: bytes | None) -> bool:
        """Keep `value` under `key`, once the link is as the policy wants it; None lays it aside until then.

        NimBLE forgets a bond when somebody with that address *begins* to pair anew, and bonds with whoever
        cannot show who he is: neither an address nor a pairing by nobody knows whom costs another his bond.
        """
        if value is None:
            old = [r for r in self._records if r[0] == kind and r[1] == key]
            self._aside += old
            return bool(old)
        if kind not in (_OURS, _PEERS, _IDENTITY) or len(value) > _RECORD_MAX:
            return False
        self._new = [r for r in self._new if r[:2] != [kind, key]] + [[kind, key, value]]
        if self._good or kind == _IDENTITY:
            self._keep()
        return True

    def approve(self) -> None:
        """The link is protected as it has to be: what is stored for it, before or after, stays."""
        self._good = True
        self._keep()

    def settle(self) -> None:
        """The link has ended: what was laid aside for a pairing that did not end well is there again."""
        self._good = False
        self._aside = []
        self._new = []

    def _keep(self) -> None:
        for record in self._new:
            self._records = [r for r in self._records if r[:2] != record[:2]]
            self._records.append(record)
            self._dirty = True
        self._aside = [r for r in self._aside if r in self._records]
        self._new = []
        self._evict()

    def save(self) -> None:
        """Write the cell if something changed; a flash that does not take it costs the bonds, no more."""
        if not self._dirty:
            return
        self._dirty = False
        body = encode({"v": _FORMAT, "bonds": self._records})
        for _ in range(2):
            try:
                self._cells.store(_CELL, body)
                return
            except ValueError:
                self._make_room()
            except OSError:
                return

    def _evict(self) -> None:
        """More peers than there is room for: who paired first goes."""
        peers = []
        for kind, key, _ in self._records:
            if kind != _IDENTITY and key not in peers:
                peers.append(key)
        for key in peers[: max(0, len(peers) - BONDS_MAX)]:
            self._records = [r for r in self._records if r[1] != key]


def _read(data: bytes | None) -> list[list]:
    """The records of the cell; raises for anything but a well-formed one."""
    if not data:
        return []
    value = decode_map(bytes(data))
    if value["v"] != _FORMAT:
        raise FormatError("format")
    return [[int(kind), bytes(key), bytes(secret)] for kind, key, secret in value["bonds"]]
