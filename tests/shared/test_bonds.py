"""Bonds: kept over a restart, bounded, and not lost because somebody begins to pair in another's name."""

from ophion_boot.core.bonds import BONDS_MAX, Bonds
from ophion_boot.fmt.cbor import encode
from support import Cells

OURS, PEERS, IDENTITY = 1, 2, 10


class Store:
    """Bonds over cells, made anew as a restart does."""

    def __init__(self):
        self.cells = Cells()
        self.rooms = 0
        self.on()

    def on(self):
        self.bonds = Bonds(self.cells, self.room)

    def room(self):
        self.rooms += 1

    def pair(self, number, mark=0, good=True, first=False):
        """What NimBLE stores when a peer pairs; the link is told to be `good` after that, or `first`."""
        if first:
            self.bonds.approve()
        for kind in (PEERS, OURS):
            assert self.bonds.set(kind, peer(number), bytes([number, kind, mark]) * 26)
        if good and not first:
            self.bonds.approve()

    def known(self, number):
        """The mark of the bond with that peer, None for none."""
        found = self.bonds.get(OURS, 0, peer(number))
        return None if found is None else found[2]


def peer(number):
    return bytes([1, number, 2, 3, 4, 5, 0xC6])


def test_bonds_are_kept():
    store = Store()
    assert store.known(1) is None
    assert store.bonds.get(IDENTITY, 0, b"irk") is None
    assert store.bonds.set(IDENTITY, b"irk", bytes(16))
    store.pair(1)
    store.pair(2, 7)
    assert (store.known(1), store.known(2), store.known(3)) == (0, 7, None)
    assert store.cells.values == {}, "nothing is written in the radio's handler"
    store.bonds.save()
    store.on()
    assert (store.known(1), store.known(2), store.known(3)) == (0, 7, None)
    assert store.bonds.get(IDENTITY, 0, b"irk") == bytes(16)
    # A search: the records of a type by number.
    assert [store.bonds.get(PEERS, index, None)[0] for index in range(2)] == [1, 2]
    assert store.bonds.get(PEERS, 2, None) is None


def test_a_change_that_is_none_is_not_written():
    store = Store()
    store.pair(1)
    store.bonds.save()
    store.cells.values.clear()
    store.bonds.save()
    assert store.cells.values == {}


def test_one_more_than_there_is_room_for():
    store = Store()
    store.bonds.set(IDENTITY, b"irk", bytes(16))
    for number in range(BONDS_MAX + 2):
        store.pair(number)
    assert [store.known(number) is None for number in range(BONDS_MAX + 2)] == [True, True] + [
        False
    ] * BONDS_MAX
    assert store.bonds.get(IDENTITY, 0, b"irk") is not None
    # Who pairs again is not the oldest any more.
    store.pair(2, 9)
    store.pair(7)
    assert (store.known(2), store.known(3), store.known(7)) == (9, None, 0)
    store.bonds.save()
    assert len(store.cells.values["bonds"]) < 1400


def test_beginning_to_pair_in_anothers_name_costs_him_nothing():
    store = Store()
    store.pair(1, 5)
    store.bonds.settle()
    store.bonds.save()
    for kind in (OURS, PEERS):
        assert store.bonds.set(kind, peer(1), None), "NimBLE wants it gone before it goes on"
    assert store.known(1) is None
    assert store.bonds.get(PEERS, 0, None) is None
    store.pair(1, 8, good=False)
    assert store.known(1) == 8, "as long as that link lasts"
    store.bonds.settle()
    assert store.known(1) == 5, "the pairing came to nothing, the link has ended"
    store.bonds.set(OURS, peer(1), None)
    store.on()
    assert store.known(1) == 5, "nor does a restart in the middle"
    for kind in (OURS, PEERS):
        store.bonds.set(kind, peer(1), None)
    store.pair(1, 6)
    store.bonds.settle()
    assert store.known(1) == 6, "a new bond takes its place"
    store.pair(1, 7, first=True)
    store.bonds.settle()
    assert store.known(1) == 7, "whichever is told first"
    assert not store.bonds.set(OURS, peer(9), None), "there is nothing to delete"


def test_a_peer_that_cannot_show_who_it_is_takes_nobodys_place():
    store = Store()
    for number in range(BONDS_MAX):
        store.pair(number)
        store.bonds.settle()
    store.bonds.save()
    for number in range(10, 30):
        store.pair(number, good=False)
        assert store.known(number) == 0
        store.bonds.save()
        store.bonds.settle()
        assert store.known(number) is None
    store.on()
    assert [store.known(number) for number in range(BONDS_MAX)] == [0] * BONDS_MAX


def test_what_is_no_bond_is_not_kept():
    store = Store()
    assert not store.bonds.set(OURS, peer(1), bytes(129))
    assert not store.bonds.set(3, peer(1), b"a subscription")
    assert store.known(1) is None


def test_a_cell_of_garbage_is_no_bonds():
    for cell in (
        b"\xff",
        b"not cbor at all",
        encode({"v": 2, "bonds": []}),
        encode({"v": 1}),
        encode({"v": 1, "bonds": 5}),
        encode({"v": 1, "bonds": [[1, b"key"]]}),
        encode({"v": 1, "bonds": [["x", b"key", b"value"]]}),
        encode({"v": 1, "bonds": [[1, None, b"value"]]}),
    ):
        store = Store()
        store.cells.store("bonds", cell)
        store.on()
        assert store.known(1) is None
        store.pair(1)
        store.bonds.save()
        store.on()
        assert store.known(1) == 0


def test_cells_that_are_full_make_room_and_a_flash_that_fails_costs_no_more_than_the_bonds():
    for error, rooms in ((ValueError, 1), (OSError, 0)):
        store = Store()
        taken = store.cells.store
        left = [1]

        def store_once_full(name, data, error=error, taken=taken, left=left):
            if left.pop() if left else False:
                raise error("full")
            taken(name, data)

        store.cells.store = store_once_full
        store.pair(1)
        store.bonds.save()
        assert store.rooms == rooms
        assert ("bonds" in store.cells.values) is bool(rooms)
        assert store.known(1) == 0
