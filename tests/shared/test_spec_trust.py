"""The bytes of statements, chains and the cell, read here by hand as SPEC.md 8 has them."""

import hashlib
import struct

from ophion_boot.core.trust import Trust
from ophion_boot.fmt import FormatError
from ophion_boot.fmt.cbor import decode_map
from ophion_boot.fmt.statement import Statement, parse_chain
from support import Cells, raises
from test_bad_vectors import content, frozen_roots

PREFIX = b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00"


def parts(data):
    """The statements of a chain, by their u16 sizes."""
    found, at = [], 0
    while at < len(data):
        size = struct.unpack_from("<H", data, at)[0]
        found.append(data[at + 2 : at + 2 + size])
        at += 2 + size
    assert at == len(data)
    return found


def signatures(tail):
    """[(key id, signature)] behind a body."""
    found, at = [], 1
    for _ in range(tail[0]):
        key_id, size = struct.unpack_from("<8sH", tail, at)
        found.append((key_id, tail[at + 10 : at + 10 + size]))
        at += 10 + size
    assert at == len(tail)
    return found


def test_the_bytes_of_a_chain():
    data = content("good-signing-2.chain")
    assert len(data) == 448
    intermediate, signing = parts(data)
    assert (len(intermediate), len(signing)) == (259, 185)
    head = struct.unpack_from("<4sBBBBI32s8sIIIH", intermediate)
    assert head == (b"OPHS", 1, 1, 0x24, 0, 1, bytes(32), bytes(8), 0xFFFFFFFF, 0, 0xFFFFFFFF, 44)
    key = intermediate[66:110]
    assert key[:12] == PREFIX
    issuer = hashlib.sha256(key).digest()
    head = struct.unpack_from("<4sBBBBI32s8sIIIH", signing)
    assert head == (b"OPHS", 1, 2, 0x24, 0, 2, issuer, bytes(8), 0xFFFFFFFF, 0, 0xFFFFFFFF, 44)
    by_roots, by_key = signatures(intermediate[110:]), signatures(signing[110:])
    assert [len(made) for _, made in by_roots] == [64, 64] and by_roots[0][0] < by_roots[1][0]
    assert [key_id for key_id, _ in by_key] == [issuer[:8]]


def test_the_bytes_of_a_root_set():
    (only,) = parts(content("roots.chain"))
    assert struct.unpack_from("<4sBBBBI32sBB", only) == (b"OPHS", 1, 4, 0, 0, 1, bytes(32), 2, 3)
    keys = []
    for n in range(3):
        at = 46 + n * 48
        assert struct.unpack_from("<BBH", only, at) == (0x24, 0, 44)
        keys.append(only[at + 4 : at + 48])
    assert keys == frozen_roots()["keys"]
    ids = [hashlib.sha256(key).digest()[:8] for key in keys]
    assert all(key_id in ids for key_id, _ in signatures(only[46 + 3 * 48 :]))


def test_the_bytes_of_a_revocation():
    (only,) = parts(content("good-stop-signing.chain"))
    signing = parts(content("good-signing-2.chain"))[1]
    assert struct.unpack_from("<4sBBBBI32s", only) == (b"OPHS", 1, 3, 0, 1, 1, bytes(32))
    assert only[44:76] != hashlib.sha256(signing[66:110]).digest(), "another signing key"
    assert len(signatures(only[76:])) == 2


def test_the_bytes_of_the_cell():
    cells = Cells()
    trust = Trust([], frozen_roots(), cells)
    trust.deliver(content("good-signing-2.chain"))
    trust.deliver(content("good-stop-signing.chain"))
    trust.deliver(content("good-revoke-by-issuer.chain"))
    trust.deliver(content("good-roots-3.chain"))
    cell = decode_map(cells.values["trust"])
    intermediate = parts(content("good-signing-2.chain"))[0]
    issuer = hashlib.sha256(intermediate[66:110]).digest()
    key = parts(content("good-stop-signing.chain"))[0][44:76]
    assert cell["v"] == 1 and cell["known"] == []
    assert [(found[0], found[1], bytes(found[2])) for found in cell["images"]] == [(0, 1, b""), (0, 1, b"")]
    issuers = [(bytes(found[0]), found[1], found[2], found[3]) for found in cell["issuers"]]
    assert issuers == [(issuer, 0, 1, 2), (issuer, 1, 1, 2)]
    marks = [[key, True], [hashlib.sha256(issuer + key).digest(), False]]
    assert [[bytes(found[0]), found[1]] for found in cell["revoked"]] == marks
    (roots,) = parts(content("good-roots-3.chain"))
    assert [bytes(found) for found in cell["roots"]] == [roots]
    first = frozen_roots()
    before = struct.pack("<IB", first["version"], first["threshold"]) + b"".join(first["keys"])
    followed = hashlib.sha256(hashlib.sha256(before).digest() + roots).digest()
    assert [bytes(found) for found in cell["followed"]] == [followed]


def test_every_truncation_and_every_size_limit():
    data = content("good-signing-2.chain")
    ends = (len(data), 2 + 259)
    for size in range(len(data)):
        if size not in ends:
            raises(FormatError, parse_chain, data[:size])
    (only,) = parts(content("roots.chain"))
    for size in range(len(only)):
        raises(FormatError, Statement, only[:size])
    assert "more than 2048" in raises(FormatError, Statement, only + bytes(2048))
    assert "more than 3072" in raises(FormatError, parse_chain, bytes(3073))


def test_every_changed_byte_of_a_statement_is_refused_or_changes_its_digest():
    (only,) = parts(content("roots.chain"))
    good = Statement(only)
    bodies = 0
    for at in range(len(only)):
        changed = only[:at] + bytes((only[at] ^ 0x10,)) + only[at + 1 :]
        try:
            statement = Statement(changed)
        except FormatError:
            continue
        if at < len(good.body):
            assert statement.digest != good.digest
            bodies += 1
        else:
            assert statement.signatures != good.signatures
    assert bodies > 90, "the keys themselves may be anything"
