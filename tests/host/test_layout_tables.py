"""Tables of a board's keys: which ones are made, and that a device verifies with them."""

import hashlib
import io
import subprocess
import sys

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from ophion.build.boards import board_layout
from ophion.build.device_module import device_module
from ophion.build.frozen import frozen_files
from ophion.build.layout import LayoutError, load_layout
from ophion.sim.device.nor import NorFlash
from ophion_boot.core.area import Area
from ophion_boot.core.keys import table_mark
from ophion_boot.core.trust import Trust
from ophion_boot.core.verify import Verifier
from ophion_boot.crypto import edwards
from ophion_boot.fmt.key import ALGORITHMS, RSA2048, from_raw, key_hash
from ophion_boot.fmt.statement import INTERMEDIATE, SIGNING, parse_chain

SIZE = 0x8000


def board_with(tmp_path, cache):
    """The layout.toml of the simulated board with `trust_cache = CACHE`."""
    text = board_layout("sim").read_text()
    assert text.count("trust_cache = true") == text.count("key_tables = false") == 1
    text = text.replace("key_tables = false", "").replace("trust_cache = true", f"trust_cache = {cache}")
    path = tmp_path / "layout.toml"
    path.write_text(text)
    return path


def signer_key(vectors):
    return (vectors / "key-ed25519-pub.raw").read_bytes()[-32:]


def counted(call, code):
    """How often `call()` came to the function with this `code`, by the interpreter's own profiler."""
    seen = []

    def note(frame, event, _):
        if event == "call" and frame.f_code is code:
            seen.append(1)

    sys.setprofile(note)
    try:
        call()
    finally:
        sys.setprofile(None)
    return len(seen)


def test_tables_are_made_for_the_keys_that_each_boot_verifies_with(tmp_path, vectors):
    bad = vectors.parent / "bad"
    chain = parse_chain((bad / "roots.chain").read_bytes() + (bad / "good-signing-2.chain").read_bytes())
    whole = b"".join(len(s.bytes).to_bytes(2, "little") + s.bytes for s in chain)
    p256_key = (vectors / "key-ecdsa-p256-pub.raw").read_bytes()
    _, _, head, tail, _, _ = ALGORITHMS[RSA2048]
    rsa_key = head + b"\xff" * (270 - len(head) - len(tail)) + tail
    own = [signer_key(vectors), p256_key, rsa_key]
    links = [s.key for s in chain if s.role in (INTERMEDIATE, SIGNING)]
    roots = chain[0].keys
    for cache, expected in ((True, [*own[:2], links[1]]), (False, [*own[:2], *links, *roots])):
        path = board_with(tmp_path, f"{cache}\nkey_tables = true".lower())
        made = {}
        exec(device_module(load_layout(path), "name", own, roots=whole), made)
        tables = made["LAYOUT"]["tables"]
        assert set(tables) == {key_hash(from_raw(key)) for key in expected}
        assert {len(table) for table, _ in tables.values()} == {6144, 4096}
        assert all(mark == table_mark(key, table) for key, (table, mark) in tables.items())
    made = {}
    exec(device_module(load_layout(board_layout("sim")), "name", own, roots=whole), made)
    assert made["LAYOUT"]["tables"] == {}
    with pytest.raises(LayoutError, match=r"update\.key_tables is neither true nor false"):
        load_layout(board_with(tmp_path, 'true\nkey_tables = "all"'))


def test_a_key_that_is_no_point_has_no_table(tmp_path):
    path = board_with(tmp_path, "true\nkey_tables = true")
    for key, why in ((bytes(32), "small order"), (b"\2" + bytes(31), "is not a point")):
        with pytest.raises(LayoutError, match=rf"update\.key_tables: key [0-9a-f]{{8}}\.\.\.: .*{why}"):
            device_module(load_layout(path), "name", [key])


def test_a_device_with_tables_verifies_with_them(tmp_path, vectors):
    path = board_with(tmp_path, "true\nkey_tables = true")
    made = {}
    exec(device_module(load_layout(path), "name", [signer_key(vectors)]), made)
    layout = made["LAYOUT"]
    image = (vectors / "plain-ed25519.bin").read_bytes()
    area = Area(NorFlash(io.BytesIO(image.ljust(SIZE, b"\xff")), SIZE, 4096, 4), 0, SIZE)
    verifier = Verifier(Trust(layout["keys"], tables=layout["tables"]), bytearray(4096))

    def points_decoded():
        return counted(lambda: verifier.verify(area, SIZE), edwards.power.__code__)

    assert points_decoded() == 0, "with a table neither point is needed"
    (hashed,) = layout["tables"]
    layout["tables"][hashed] = (bytes(6144), bytes(32))
    assert points_decoded() == 2, "a table that is not whole is not used"


def test_a_board_without_tables_may_leave_their_code_out(tmp_path):
    """P-256 without a table needs nothing of that code; a table without it is refused with a reason."""
    program = """
import sys
for name in %r:
    sys.modules[name] = None
from ophion_boot.core.keys import check_signature, table_mark
from ophion_boot.crypto import CryptoError, p256, p256_table
from ophion_boot.fmt.key import key_hash
key, digest, signature = %r
check_signature(key, digest, signature)
table = p256_table.make_table(p256.public_key(key))
hashed = key_hash(key)
try:
    check_signature(key, digest, signature, None, {hashed: (table, table_mark(hashed, table))})
except CryptoError as error:
    print(error)
"""
    private = ec.derive_private_key(77, ec.SECP256R1())
    key = private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    signed = key, hashlib.sha256(b"x").digest(), private.sign(b"x", ec.ECDSA(hashes.SHA256()))
    boards = load_layout(board_with(tmp_path, "true\nkey_tables = true")), load_layout(board_layout("sim"))
    with_it, without = (set(frozen_files(layout, "name", [key])) for layout in boards)
    names = [path.removesuffix(".py").replace("/", ".") for path in with_it - without]
    assert names == ["ophion_boot.crypto.base_p256"]
    done = subprocess.run(
        [sys.executable, "-c", program % (names, signed)], capture_output=True, text=True, check=True
    )
    assert done.stdout == "this firmware has no code for ECDSA P-256\n"
