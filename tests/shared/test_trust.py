"""What a device remembers about trust: floors, spared images, new roots, the cache, damaged cells."""

import hashlib
import struct

from ophion_boot.core.roots import TrustError
from ophion_boot.core.trust import Trust
from ophion_boot.core.trust_cell import ISSUERS_MAX, REVOKED_MAX, TrustCell
from ophion_boot.core.trust_rules import Device
from ophion_boot.core.verify import Verifier, VerifyError
from ophion_boot.fmt.cbor import decode_map, encode
from ophion_boot.fmt.key import from_raw, key_hash
from ophion_boot.fmt.statement import parse_chain
from support import SECTOR, Cells, raises, read_file, vector_keys
from test_bad_vectors import RUNTIME, content, frozen_roots, image_area

OLD, NEW, OTHER = "good-counter-7.bin", "good-counter-8.bin", "good-counter-8-signing-2.bin"


class Counting(Cells):
    """Cells that count what is written."""

    def __init__(self):
        Cells.__init__(self)
        self.writes = 0

    def store(self, name, data):
        self.writes += 1
        Cells.store(self, name, data)


class Phone:
    """One device; `restart` forgets all but its cells."""

    def __init__(self, cells=None, keys=(), cache=True, roots=None):
        self.cells = cells or Counting()
        self.keys = keys
        self.roots = roots or frozen_roots()
        self.restart(cache)

    def restart(self, cache=True):
        self.trust = Trust(self.keys, self.roots, self.cells, Device("sim", RUNTIME), cache)
        self.verifier = Verifier(self.trust, bytearray(SECTOR))

    def verify(self, name, number=0):
        data = name if isinstance(name, bytes) else content(name)
        return self.verifier.verify(image_area(data), SECTOR, number)

    def confirm(self, name):
        assert self.verifier.confirmed(self.verify(name)) == ""

    def refuses(self, name, number=0):
        return raises(VerifyError, self.verify, name, number)


def test_floors_rise_when_an_image_is_confirmed_and_not_before():
    phone = Phone()
    phone.confirm(OLD)
    assert phone.trust.state()["images"][0] == {"counter": 7, "intermediate": 1}
    phone.verify(OTHER)
    phone.verify(NEW)
    assert phone.trust.state()["images"][0]["counter"] == 7
    phone.confirm(NEW)
    assert "security counter 7 is below 8" in phone.refuses(OLD)
    phone.confirm(OTHER)
    phone.restart()
    assert "signing key statement 1 is superseded by 2" in phone.refuses(NEW)
    assert phone.trust.state()["issuers"][0]["signing"] == 2


def test_confirming_again_writes_nothing():
    phone = Phone()
    phone.confirm(OLD)
    assert phone.cells.writes == 1
    for _ in range(3):
        phone.restart()
        phone.confirm(OLD)
    assert phone.cells.writes == 1
    phone.confirm(NEW)
    assert phone.cells.writes == 2


def test_a_device_with_plain_keys_and_no_counters_never_writes_the_cell():
    cells = Counting()
    verifier = Verifier(Trust(vector_keys(), None, cells), bytearray(SECTOR))
    image = verifier.verify(image_area(read_file("plain-ed25519.bin")), 6 * SECTOR)
    assert verifier.confirmed(image) == "" and cells.writes == 0
    counted = verifier.verify(image_area(read_file("prot-ed25519.bin")), 6 * SECTOR)
    assert verifier.confirmed(counted) == "" and cells.writes == 1
    assert verifier.trust.state()["images"][0]["counter"] == 7
    again = Verifier(Trust(vector_keys(), None, cells), bytearray(SECTOR))
    why = raises(VerifyError, again.verify, image_area(read_file("plain-ed25519.bin")), 6 * SECTOR)
    assert "no security counter, at least 7 is needed" in why


def test_plain_keys_and_roots_live_side_by_side_and_roots_revoke_a_plain_key():
    key = Phone().verify(OLD).proof.key
    phone = Phone(keys=[(key_hash(key), key)])
    assert phone.verify("image-without-chain.bin").proof.chain == []
    assert phone.verify(OLD).proof.chain == [], "a key of the device needs no chain"
    phone.trust.deliver(content("good-revoke-signing.chain"))
    assert "the key is revoked" in phone.refuses("image-without-chain.bin")


def test_the_image_that_was_confirmed_last_goes_on_after_a_rotation_alone():
    phone = Phone()
    phone.confirm(OLD)
    phone.trust.deliver(content("good-signing-2.chain"))
    assert "superseded" in phone.refuses(NEW)
    for _ in range(2):
        phone.confirm(OLD)  # what every boot does
        phone.restart()
    phone.confirm(OTHER)
    assert "superseded" in phone.refuses(OLD)


def test_it_goes_on_after_a_revocation_but_not_after_one_with_stop():
    phone = Phone()
    phone.confirm(OLD)
    phone.trust.deliver(content("good-revoke-signing.chain"))
    phone.restart()
    phone.verify(OLD)
    assert "the signing key is revoked" in phone.refuses(NEW)
    phone.trust.deliver(content("good-revoke-intermediate.chain"))
    phone.restart()
    assert "running images included" in phone.refuses(OLD)


def test_it_goes_on_after_new_roots_that_do_not_know_its_chain():
    phone = Phone()
    phone.confirm(OLD)
    phone.trust.deliver(content("good-roots-3.chain"))
    for cache in (True, False, True):
        phone.restart(cache)
        assert phone.trust.state()["roots"] == 3
        assert "unknown key" in phone.refuses(NEW)
        phone.confirm(OLD)
        assert phone.trust.state()["roots"] == 3
    phone.confirm("good-image-by-roots-3.bin")


def test_new_roots_come_with_an_image_and_stay():
    phone = Phone()
    phone.confirm("good-image-by-roots-3.bin")
    for cache in (True, False):
        phone.restart(cache)
        assert phone.trust.state()["roots"] == 3
        assert "intermediate key statement 1 is superseded by 2" in phone.refuses(OLD)
    phone.cells.values.clear()
    phone.restart()
    assert phone.trust.state()["roots"] == 1
    phone.confirm("good-image-by-roots-3.bin")
    assert phone.trust.state()["roots"] == 3


def test_root_sets_follow_each_other_and_the_way_is_kept_short():
    phone = Phone()
    phone.trust.deliver(content("good-roots-3-4.chain"))
    for cache in (True, False):
        phone.restart(cache)
        assert phone.trust.state()["roots"] == 4
    both = len(phone.cells.values["trust"])
    phone = Phone()
    phone.trust.deliver(content("good-roots-3.chain"))
    phone.trust.deliver(content("good-roots-4-by-all.chain"))
    phone.restart(False)
    assert phone.trust.state()["roots"] == 4
    assert len(phone.cells.values["trust"]) < both, (
        "only the last one is kept: the firmware's roots signed it"
    )


def test_a_runtime_with_newer_roots_needs_no_way_to_them():
    phone = Phone()
    phone.trust.deliver(content("good-roots-3.chain"))
    third = parse_chain(content("good-roots-3.chain"))[0]
    phone.roots = {"version": 3, "threshold": third.threshold, "keys": third.keys}
    phone.restart(False)
    assert phone.trust.state()["roots"] == 3
    phone.verify("good-image-by-roots-3.bin")


def test_delivering_twice_is_no_mistake():
    phone = Phone()
    for name in ("good-signing-2.chain", "good-revoke-signing.chain", "good-roots-3.chain"):
        names = phone.trust.deliver(content(name))
        writes = phone.cells.writes
        assert phone.trust.deliver(content(name)) == names and phone.cells.writes == writes, name
    assert phone.cells.writes == 3


def test_a_device_has_room_for_eight_revocations():
    phone = Phone()
    phone.trust.deliver(content("good-revoke-eight.chain"))
    assert phone.trust.state()["revoked"] == REVOKED_MAX
    why = raises(TrustError, phone.trust.deliver, content("good-revoke-signing.chain"))
    assert "no room for more than 8 revocations" in why
    phone.verify(OLD)


def test_a_device_without_roots_takes_no_statements():
    trust = Trust(vector_keys(), None, Cells())
    assert "no roots" in raises(TrustError, trust.deliver, content("good-signing-2.chain"))


def test_image_numbers_have_floors_of_their_own():
    phone = Phone()
    assert phone.verifier.confirmed(phone.verify(NEW, 1)) == ""
    floors = phone.trust.state()["images"]
    assert [floor["counter"] for floor in floors] == [0, 8]
    phone.verify(OLD)
    assert "security counter 7 is below 8" in phone.refuses(OLD, 1)
    assert "image 2 is not on this device" in phone.refuses(OLD, 2)


# The cell


def test_a_damaged_cell_is_never_an_error_and_never_lets_a_bad_image_in():
    phone = Phone()
    phone.confirm(OTHER)
    phone.trust.deliver(content("good-roots-3.chain"))
    phone.confirm(OTHER)
    good = phone.cells.values["trust"]
    refused = 0
    for at in range(0, len(good), 29):
        for damaged in (good[:at], good[:at] + bytes((good[at] ^ 0x41,)) + good[at + 1 :]):
            phone.cells.values["trust"] = damaged
            phone.restart()
            assert phone.trust.state()["roots"] in (1, 3), at
            assert phone.refuses("statement-unsigned.bin")
            assert phone.refuses("signature-unknown-root.bin")
            try:
                phone.confirm(OTHER)
            except VerifyError:
                refused += 1
    assert refused < len(good) // 58, "what was lost is found again in the image, nearly always"


def test_a_cell_with_wrong_types_is_empty():
    whole = {
        "v": 1,
        "roots": [],
        "images": [[7, 1, b""], [0, 0, b""]],
        "issuers": [],
        "revoked": [],
        "known": [],
        "followed": [],
    }
    cells = Cells()
    cells.values["trust"] = encode(whole)
    assert TrustCell(cells).images[0].counter == 7
    for key in whole:
        for wrong in (None, -1, 2, "x", [1], [[1]], [[b"x", 9, 1, 1]], [[b"x" * 32, 9, 1, 1]], {}):
            other = dict(whole)
            other[key] = wrong
            cells.values["trust"] = encode(other)
            found = TrustCell(cells)
            assert found.images[0].counter in (0, 7) and len(found.images) == 2
            assert found.images[0].counter == 0 or wrong == {}, (key, wrong)
        less = dict(whole)
        del less[key]
        cells.values["trust"] = encode(less)
        assert TrustCell(cells).images[0].counter == 0, key


def test_what_is_kept_is_read_back():
    phone = Phone()
    phone.confirm(OTHER)
    phone.trust.deliver(content("good-revoke-signing.chain"))
    phone.trust.deliver(content("good-roots-3.chain"))
    before = phone.trust.state()
    phone.restart()
    assert phone.trust.state() == before
    stored = decode_map(phone.cells.values["trust"])
    assert sorted(stored) == ["followed", "images", "issuers", "known", "revoked", "roots", "v"]
    assert len(phone.cells.values["trust"]) < 1400


def test_the_cache_saves_checks_and_can_be_switched_off():
    # Whoever writes the cell can vouch for a chain: so a board may do without it.
    honest = Phone()
    honest.confirm(OLD)
    known = decode_map(honest.cells.values["trust"])["known"]
    assert [bytes(mark) for mark in known] == [_mark(honest.verify(OLD).claims.chain)]
    real = {"v": 1, "roots": [], "images": [[0, 0, b""]] * 2, "issuers": [], "revoked": [], "followed": []}
    bad = Phone()
    assert "signature" in bad.refuses("signature-of-signing-key.bin")
    claims = bytes(content("signature-of-signing-key.bin"))
    at = claims.index(b"OPHS") - 2
    chain = claims[at : at + 448]
    real["known"] = [_mark(chain)]
    forged = encode(real)
    bad.cells.values["trust"] = forged
    bad.restart(True)
    bad.verify("signature-of-signing-key.bin")
    bad.restart(False)
    assert "signature" in bad.refuses("signature-of-signing-key.bin")


def _mark(chain):
    """What SPEC.md 8.6 says the name of a checked chain is."""
    roots = frozen_roots()
    whole = struct.pack("<IB", roots["version"], roots["threshold"]) + b"".join(roots["keys"])
    return hashlib.sha256(hashlib.sha256(whole).digest() + chain).digest()


def test_signing_floors_are_kept_for_a_few_issuers():
    cell = TrustCell(None)
    for n in range(ISSUERS_MAX):
        cell.raise_signing_floor(bytes((n,)) * 32, 0, 5 + n, 10 + n)
    assert [cell.signing_floor(bytes((n,)) * 32, 0) for n in range(3)] == [10, 11, 12]
    assert cell.signing_floor(bytes(32), 1) == 0
    cell.raise_signing_floor(bytes((77,)) * 32, 0, 9, 1)
    assert cell.signing_floor(bytes(32), 0) == 0, "the oldest intermediate had to go"
    assert cell.signing_floor(bytes((1,)) * 32, 0) == 11
    cell.raise_signing_floor(bytes((1,)) * 32, 0, 4, 3)
    assert cell.signing_floor(bytes((1,)) * 32, 0) == 11, "floors do not sink"
    cell.images[0].intermediate = 8
    cell.raise_signing_floor(bytes((78,)) * 32, 0, 9, 1)
    assert len(cell.issuers) < ISSUERS_MAX, "entries of superseded intermediates go"


def test_cells_that_cannot_be_written_are_told_and_stop_nothing():
    class Worn(Cells):
        def store(self, name, data):
            raise OSError(5)

    phone = Phone(Worn())
    image = phone.verify(OLD)
    assert "cannot be kept" in phone.verifier.confirmed(image)
    assert phone.trust.state()["images"][0]["counter"] == 7, "until the next reset it counts"
    raises(OSError, phone.trust.deliver, content("good-signing-2.chain"))


def test_a_key_that_a_header_names_is_refused_only_when_nothing_can_vouch_for_it():
    known, key = vector_keys()[0]
    plain = Trust(vector_keys())
    assert plain.foresee(known).key == from_raw(key) and plain.foresee(b"").key == b""
    said = "signed by an unknown key (key hash 6b6b6b6b...)"
    assert raises(TrustError, plain.foresee, b"k" * 32) == said
    assert Trust(vector_keys(), frozen_roots()).foresee(b"k" * 32).key == b"", "a chain may come"
