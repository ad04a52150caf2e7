"""Tables of keys in the firmware: the same verdicts, and a table that is not the key's own is not used."""

import hashlib

from ophion_boot.core.keys import check_signature, table_mark
from ophion_boot.core.trust import Trust
from ophion_boot.core.trust_rules import Device
from ophion_boot.core.verify import Verifier, VerifyError
from ophion_boot.crypto import CryptoError, base_p256, ed25519, ed25519_table, p256, p256_table
from ophion_boot.crypto.base_ed25519 import TABLE as BASE
from ophion_boot.crypto.comb import schedule
from ophion_boot.crypto.curve25519 import P
from ophion_boot.crypto.edwards import product
from ophion_boot.crypto.inverse import inverse
from ophion_boot.fmt.claims import Claims
from ophion_boot.fmt.image import signature_tlvs
from ophion_boot.fmt.key import ALGORITHMS, ED25519, from_raw, key_hash
from ophion_boot.fmt.statement import parse_chain
from support import SECTOR, image, raises, read_file, vector_keys
from test_bad_vectors import RUNTIME, content, frozen_roots, image_area

L = 2**252 + 27742317777372353535851937790883648493
# RFC 8032, 7.1, test 2: a key that is not the images'.
OTHER = bytes.fromhex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
# The neutral element of the Edwards curve as an entry: y+x, y-x, 2dxy.
NEUTRAL = ((1).to_bytes(32, "little") * 2 + bytes(32)) * 64
CHAIN = "good-counter-7.bin"


def entry(table, key):
    """What the layout holds for `key` (encoded), were `table` its own."""
    return {key_hash(key): (table, table_mark(key_hash(key), table))}


def table_of(key):
    """The table of an encoded key."""
    if len(key) == ALGORITHMS[ED25519][1]:
        return ed25519_table.make_table(ed25519.public_key(key))
    return p256_table.make_table(p256.public_key(key))


def signed():
    """(encoded key, digest, signature) of an image."""
    verifier = Verifier(vector_keys(), bytearray(SECTOR))
    area = image_area(image("one"))
    header, _, _, entries, tlvs = verifier.read_layout(area, SECTOR)
    digest, _, signature = signature_tlvs(entries, tlvs)
    assert bytes(digest) == verifier.digest(area, header.signed_size)
    return from_raw(vector_keys()[0][1]), bytes(digest), bytes(signature)


def test_an_image_has_the_same_verdict():
    key, digest, signature = signed()
    tables = entry(table_of(key), key)
    verifier = Verifier(Trust(vector_keys(), tables=tables), bytearray(SECTOR))
    good = image("one")
    assert verifier.verify(image_area(good), SECTOR).version == "1.0.0"
    place = good.index(signature)
    for at in (place, place + 33, place - 40):
        bad = bytearray(good)
        bad[at] ^= 1
        assert raises(VerifyError, verifier.verify, image_area(bytes(bad)), SECTOR)
    bad = bytearray(good)
    bad[place + 63] ^= 1
    assert "signature: " in raises(VerifyError, verifier.verify, image_area(bytes(bad)), SECTOR)
    check_signature(key, digest, signature, None, tables)
    assert "match" in raises(CryptoError, check_signature, key, bytes(32), signature, None, tables)


def test_p256_has_the_same_verdict():
    key = read_file("key-ecdsa-p256-pub.raw")
    data = read_file("plain-ecdsa-p256.bin")
    area = image_area(data)
    verifier = Verifier([(key_hash(key), key)], bytearray(SECTOR))
    _, _, _, entries, tlvs = verifier.read_layout(area, len(data))
    digest, _, signature = [bytes(part) for part in signature_tlvs(entries, tlvs)]
    tables = entry(table_of(key), key)
    check_signature(key, digest, signature, None, tables)
    assert "match" in raises(CryptoError, check_signature, key, bytes(32), signature, None, tables)
    # It is the table that answers: that of the generator knows another key.
    wrong = entry(base_p256.TABLE, key)
    assert "match" in raises(CryptoError, check_signature, key, digest, signature, None, wrong)


def forged():
    """(digest, signature) that holds for everybody if the key's table is one of neutral elements: R = sB."""
    s = 3**150 % L
    x, y, z = product(schedule((), L, s), (), BASE)
    zi = inverse(z % P, P)
    r = (y * zi % P | (x * zi % P & 1) << 255).to_bytes(32, "little")
    return hashlib.sha256(b"forged").digest(), r + s.to_bytes(32, "little")


def test_a_wrong_table_lets_nothing_in_and_keeps_nothing_out():
    key, digest, signature = signed()
    bad, forgery = forged()
    # A table stands for its key: without the mark, this one would let everything in.
    ed25519.verify(ed25519.public_key(key), bad, forgery, NEUTRAL)
    good = table_of(key)
    mark = table_mark(key_hash(key), good)
    flipped = bytearray(good)
    flipped[96 * 17 + 5] ^= 0x10
    for table in (
        NEUTRAL,
        table_of(from_raw(OTHER)),
        bytes(flipped),
        good[:-1],
        good + b"\0",
        b"",
        bytes(6144),
    ):
        tables = {key_hash(key): (table, mark)}
        check_signature(key, digest, signature, None, tables)
        assert "match" in raises(CryptoError, check_signature, key, bad, forgery, None, tables)
        assert "match" in raises(CryptoError, check_signature, key, bad, signature, None, tables)
    for wrong in (bytes(32), mark[:-1], table_mark(key_hash(from_raw(OTHER)), good)):
        check_signature(key, digest, signature, None, {key_hash(key): (good, wrong)})


def test_a_table_of_another_key_is_not_looked_at():
    key, digest, signature = signed()
    tables = entry(NEUTRAL, from_raw(OTHER))
    check_signature(key, digest, signature, None, tables)
    bad, forgery = forged()
    assert "match" in raises(CryptoError, check_signature, key, bad, forgery, None, tables)


def test_tables_are_used():
    # Tables of another point, with marks as if they were the keys' own: nothing holds any more.
    key, digest, signature = signed()
    other = table_of(from_raw(OTHER))
    assert "match" in raises(CryptoError, check_signature, key, digest, signature, None, entry(other, key))
    roots = frozen_roots()
    chain = parse_chain(Claims(protected_of(CHAIN)).chain)
    for wrong in [from_raw(k) for k in roots["keys"][:2]] + [s.key for s in chain]:
        if len(wrong) == ALGORITHMS[ED25519][1]:
            assert "match" in raises(VerifyError, verify_chain, entry(other, wrong)), wrong


def protected_of(name):
    """The protected TLVs of a vector."""
    return Verifier(vector_keys(), bytearray(SECTOR)).read_layout(image_area(content(name)), SECTOR)[2]


def verify_chain(tables):
    """A verification with all of the chain's signatures."""
    trust = Trust((), frozen_roots(), None, Device("sim", RUNTIME), False, tables)
    return Verifier(trust, bytearray(SECTOR)).verify(image_area(content(CHAIN)), SECTOR)


def test_a_chain_with_tables_of_all_its_keys():
    tables = {}
    chain = parse_chain(Claims(protected_of(CHAIN)).chain)
    for key in [from_raw(k) for k in frozen_roots()["keys"]] + [s.key for s in chain]:
        if len(key) == ALGORITHMS[ED25519][1]:
            tables.update(entry(table_of(key), key))
    assert len(tables) >= 3
    assert verify_chain(tables).proof.chain[-1].key == chain[-1].key
