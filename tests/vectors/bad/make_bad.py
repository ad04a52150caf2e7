"""Makes the images and statements of this folder: each is bad for one reason, and bad.json says for which.

Run from the repository root: `OPHION_ALLOW_TEST_KEYS=1 .venv/bin/python tests/vectors/bad/make_bad.py`. The
keys are those of tests/vectors/keys/chain-*.pem; Ed25519 signatures are deterministic, so the files change
only when this script does. tests/shared/test_bad_vectors.py asks a device about every one.
"""

import hashlib
import json
import struct
from pathlib import Path

from ophion.keys import load_recipient, open_signer
from ophion.keys.chain import (
    INTERMEDIATE,
    REVOCATION,
    ROOTS,
    SIGNING,
    Chain,
    KeyLimits,
    key_statement,
    revocation,
    root_set,
)
from ophion.sign import SignOptions, sign
from ophion.sign.claims import claim_tlvs
from ophion.versions import parse_version
from ophion_boot.fmt.key import ECDSA_P256, ED25519, ID_BYTES
from ophion_boot.fmt.statement import ANY_HARDWARE, BY_ROOTS, COUNTER_MAX, FORMAT, HEAD, LIMITS, MAGIC

HERE = Path(__file__).parent
KEYS = HERE.parent / "keys"
MCUBOOT = HERE.parent / "mcuboot"
ONCE = ("good-enc", "good-enc-several", "enc-foreign")
NAMES = ("root-a", "root-b", "root-c", "root-d", "intermediate", "intermediate-2", "signing", "signing-2")
KEY = {name: open_signer(str(KEYS / f"chain-{name}.pem"), allow_sample=True) for name in NAMES}
PUBLIC = {name: signer.public for name, signer in KEY.items()}
AB, BC = [KEY["root-a"], KEY["root-b"]], [KEY["root-b"], KEY["root-c"]]
PAYLOAD = b"the payload of a bad image, which is never looked at"
ALL = 0xFFFFFFFF

ROOT_SET = root_set([PUBLIC[name] for name in ("root-a", "root-b", "root-c")], 2, AB)
INTER = key_statement(INTERMEDIATE, PUBLIC["intermediate"], AB)
SIGN = key_statement(SIGNING, PUBLIC["signing"], [KEY["intermediate"]], issuer=PUBLIC["intermediate"])
listed: dict[str, dict] = {}


def signing(public="signing", by="intermediate", version=1, **limits):
    return key_statement(SIGNING, PUBLIC[public], [KEY[by]], version, KeyLimits(**limits), PUBLIC[by])


def inter(public="intermediate", version=1, signers=AB, **limits):
    return key_statement(INTERMEDIATE, PUBLIC[public], signers, version, KeyLimits(**limits))


def raw_head(role, version=1, issuer=BY_ROOTS, algorithm=ED25519, flags=0, form=FORMAT, magic=MAGIC):
    return struct.pack(HEAD, magic, form, role, algorithm, flags, version, issuer)


def raw_key(key, images=ALL, least=0, most=COUNTER_MAX):
    return struct.pack(LIMITS, ANY_HARDWARE, images, least, most, len(key)) + key


def raw_roots(threshold, keys, count=None, zero=0):
    body = bytes((threshold, len(keys) if count is None else count))
    return body + b"".join(struct.pack("<BBH", ED25519, zero, len(key)) + key for key in keys)


def raw_signed(body, signers, order=sorted):
    """The bytes of a statement, whatever `body` is, signed by `signers`."""
    digest = hashlib.sha256(body).digest()
    entries = order([(one.public.keyhash[:ID_BYTES], one.sign_digest(digest)) for one in signers])
    tail = b"".join(key_id + struct.pack("<H", len(made)) + made for key_id, made in entries)
    return body + bytes((len(entries),)) + tail


def row(*statements):
    """The bytes of a chain of statements (or bytes), in just this order."""
    parts = [one if isinstance(one, bytes) else one.bytes for one in statements]
    return b"".join(struct.pack("<H", len(part)) + part for part in parts)


def image(chain=b"", by="signing", counter=None, tlvs=None):
    found = dict(tlvs or {})
    if chain:
        found[0x1A0] = chain
    options = SignOptions(custom_tlvs=found, security_counter=counter)
    return sign(PAYLOAD, parse_version("1.2.3"), KEY[by], options)


def add(name, data, reason, after=(), old=False):
    """One vector: `after` names the files that the device has confirmed (.bin) or taken (.chain) before."""
    suffix = ".chain" if data[2:6] == MAGIC else ".bin"
    (HERE / (name + suffix)).write_bytes(data)
    listed[name + suffix] = {"reason": reason, "after": list(after), "old": old}


def good(name, data):
    """A file that a device takes."""
    suffix = ".chain" if data[2:6] == MAGIC else ".bin"
    add(name, data, "")
    return name + suffix


def once(name, *keys):
    """A good encrypted image; its content key and ciphertext are new each time, so it is made only once."""
    path = HERE / (name + ".bin")
    if not path.exists():
        found = [load_recipient(MCUBOOT / f"{key}-pub.pem", allow_sample=True) for key in keys]
        options = SignOptions(custom_tlvs={0x1A0: row(INTER, SIGN)}, recipients=found)
        path.write_bytes(sign(PAYLOAD, parse_version("1.2.3"), KEY["signing"], options))
    return path.read_bytes()


def with_last(data, kind, value, size=80):
    """The image with another wrapped key, which is its last TLV and has `size` bytes; None: without."""
    start = struct.unpack_from("<I", data, 12)[0] + 32 + struct.unpack_from("<H", data, 10)[0]
    assert data[start : start + 2] == b"\x07\x69"
    last = b"" if value is None else struct.pack("<HH", kind, len(value)) + value
    body = data[start + 4 : -4 - size] + last
    return data[:start] + b"\x07\x69" + struct.pack("<H", 4 + len(body)) + body


def changed(data, at, value=None):
    out = bytearray(data)
    out[at] = out[at] ^ 1 if value is None else value
    return bytes(out)


def encryption():
    """The device of the vectors has the key key-x25519 of tests/vectors/mcuboot."""
    data = once("good-enc", "key-x25519")
    good("good-enc", data)
    wrapped = data[-80:]
    several = once("good-enc-several", "key-enc-p256", "key-x25519")
    good("good-enc-several", several)
    add("enc-ciphertext-changed", changed(data, 40), "SHA-256 of the decrypted image")
    for name, at in (("point", -80), ("mac", -48), ("key", -1)):
        add("enc-wrapped-" + name, changed(data, at), "wrapped key: changed, or for another device")
    for number in (0, 1):
        point = number.to_bytes(32, "little")
        add(f"enc-point-{number}", data[:-80] + point + data[-48:], "wrapped key: the public key has a small")
    foreign = once("enc-foreign", "key-enc-p256")
    add("enc-foreign", foreign, "this device has no P-256 key")
    size = 9 + 113 + 9 + 80
    start = len(several) - size
    only = with_last(several, 0x1A3, several[start : start + 122], size)
    add("enc-foreign-list", only, "no recipient is this device")
    twice = with_last(several, 0x1A3, several[start + 122 :] * 2, size)
    add("enc-recipient-twice", twice, "recipients: a key stands twice")
    add(
        "enc-recipients-cut", with_last(several, 0x1A3, several[start:-1], size), "recipients: entry 1 is cut"
    )
    add("enc-recipients-none", with_last(several, 0x1A3, b"", size), "recipients: 0 of them")
    add("enc-no-wrapped-key", with_last(data, 0, None), "encrypted, and there is no wrapped key")
    add("enc-flag-missing", changed(data, 16, 0), "TLV type 0x0033 has no use in a plain image")
    add("enc-flags-both", changed(data, 16, 0x0C), "both AES-128 and AES-256")
    add("enc-flag-of-aes-256", changed(data, 16, 8), "wrapped key type 0x0033 is 80 bytes, not 96")
    add("enc-wrapped-short", with_last(data, 0x33, wrapped[:-1]), "0x0033 is 79 bytes, not 80")
    add("enc-wrapped-long", with_last(data, 0x33, wrapped + b"\0"), "0x0033 is 81 bytes, not 80")
    add("enc-wrapped-rsa", with_last(data, 0x30, bytes(256)), "wrapped key type 0x0030 is not supported")
    add("enc-wrapped-aes", with_last(data, 0x31, bytes(24)), "wrapped key type 0x0031 is not supported")


def tlvs_that_are_broken():
    whole = image(row(INTER, SIGN))
    at = whole.index(struct.pack("<HH", 0x1A0, len(row(INTER, SIGN)))) + 2
    longer = bytearray(whole)
    struct.pack_into("<H", longer, at, len(row(INTER, SIGN)) + 1)
    add("tlv-runs-over", bytes(longer), "run over the area")
    add("tlv-chain-empty", image(tlvs={0x1A0: b""}), "chain: it is empty")
    many = row(*[revocation(bytes((n,)) * 32, AB) for n in range(14)])
    add("tlv-oversized", image(many), "chain: %d bytes, more than 3072" % len(many))
    short = image(row(INTER, SIGN), tlvs={0xA0: b"\1\0"})
    short = short.replace(struct.pack("<HH", 0xA0, 2), struct.pack("<HH", 0x50, 2))
    add("tlv-counter-size", short, "security counter is 2 bytes, not 4")
    add("tlv-unknown", image(row(INTER, SIGN), tlvs={0x1AF: b"1"}), "type 0x01af is not known here")
    add("tlv-hardware-empty", image(row(INTER, SIGN), tlvs={0x1A1: b""}), "hardware ids are not")
    add("tlv-hardware-comma", image(row(INTER, SIGN), tlvs={0x1A1: b"sim,"}), "hardware ids are not")
    add("tlv-hardware-long", image(row(INTER, SIGN), tlvs={0x1A1: b"x" * 65}), "hardware ids are not")
    add(
        "tlv-runtime-size",
        image(row(INTER, SIGN), tlvs={0x1A2: b"\1\2\3"}),
        "minimum runtime is 3 bytes, not 4",
    )


def chains_that_are_broken():
    whole = row(INTER, SIGN)
    add("chain-cut", image(whole[:-1]), "chain: a statement of 185 bytes runs over the end")
    add("chain-cut-in-size", image(whole + b"\1"), "chain: cut off in a size")
    cut = SIGN.bytes[:-1]
    add("statement-cut", image(row(INTER, cut)), "statement: cut off in a signature")
    add("statement-longer", image(row(INTER, SIGN.bytes + b"\0")), "1 bytes after the signatures")
    eight = [revocation(bytes((n,)) * 32, [KEY["root-a"]]) for n in range(8)]
    add("chain-too-long", image(row(*eight, INTER)), "chain: more than 8 statements")
    add(
        "chain-reversed",
        image(row(SIGN, INTER)),
        "chain: signing key statement 1 without its intermediate key",
    )
    roots = root_set([PUBLIC["root-d"]], 1, [*AB, KEY["root-d"]], 2)
    add(
        "chain-wrong-order",
        image(row(INTER, roots, SIGN)),
        "root set statement 2 stands after intermediate key",
    )
    late = revocation(PUBLIC["signing-2"].keyhash, AB)
    add(
        "chain-revocation-last",
        image(row(INTER, SIGN, late)),
        "revocation statement 1 stands after signing key",
    )
    add("chain-link-twice", image(row(INTER, INTER, SIGN)), "intermediate key statement 1 stands twice")
    other = inter(signers=BC)
    add("chain-link-twice-otherwise-signed", image(row(INTER, other, SIGN)), "statement 1 stands twice")
    add(
        "chain-two-intermediates",
        image(row(INTER, inter("intermediate-2"), SIGN)),
        "a second intermediate key",
    )
    add("chain-two-signing-keys", image(row(INTER, signing("signing-2"), SIGN)), "a second signing key")
    add(
        "chain-root-sets-descend",
        image(row(roots, ROOT_SET, INTER, SIGN)),
        "root set statement 1 after root set",
    )
    add("chain-without-signing-key", image(row(INTER)), "chain: it ends without a signing key")
    add("chain-without-intermediate", image(row(SIGN)), "without its intermediate key")
    add(
        "chain-of-another-intermediate",
        image(row(inter("intermediate-2"), SIGN)),
        "signing key statement 1 is not by the intermediate key before it",
    )
    add(
        "chain-of-another-key",
        image(row(INTER, signing("signing-2"))),
        "it is for another key than the image's",
    )
    add("image-by-the-intermediate", image(row(INTER, SIGN), "intermediate"), "it is for another key")
    add("image-by-a-root", image(row(INTER, SIGN), "root-a"), "it is for another key")
    add("image-without-chain", image(), "no chain, and signed by an unknown key")


def statements_that_are_broken():
    key, by = PUBLIC["signing"].der, PUBLIC["intermediate"].keyhash
    issuer = [KEY["intermediate"]]

    def sent(name, head, rest, reason, signers=issuer):
        add("statement-" + name, image(row(INTER, raw_signed(head + rest, signers))), reason)

    good_key = raw_key(key)
    sent("magic", raw_head(SIGNING, issuer=by, magic=b"OPHX"), good_key, "it does not begin with OPHS")
    sent("format", raw_head(SIGNING, issuer=by, form=2), good_key, "format 2 is not 1")
    sent("role", raw_head(5, issuer=by), good_key, "role 5 is unknown")
    sent("flags", raw_head(SIGNING, issuer=by, flags=1), good_key, "flags 0x1 are unknown")
    sent("version-0", raw_head(SIGNING, 0, by), good_key, "version 0")
    sent("signing-by-roots", raw_head(SIGNING), good_key, "the roots do not issue it", AB)
    sent("intermediate-by-key", raw_head(INTERMEDIATE, issuer=by), good_key, "only the roots issue it")
    sent(
        "algorithm",
        raw_head(SIGNING, issuer=by, algorithm=ECDSA_P256),
        good_key,
        "the key is Ed25519, not ECDSA P-256",
    )
    sent(
        "key-unknown",
        raw_head(SIGNING, issuer=by),
        raw_key(b"\x30" + bytes(43)),
        "a key of 44 bytes is of no known type",
    )
    sent(
        "key-cut",
        raw_head(SIGNING, issuer=by),
        struct.pack(LIMITS, ANY_HARDWARE, ALL, 0, ALL, 999) + key,
        "cut off in a key",
    )
    sent("no-image", raw_head(SIGNING, issuer=by), raw_key(key, images=0), "it allows no image")
    sent("counters", raw_head(SIGNING, issuer=by), raw_key(key, least=5, most=4), "counters from 5 to 4")
    sent("itself", raw_head(SIGNING, issuer=by), raw_key(PUBLIC["intermediate"].der), "vouches for itself")
    sent("unsigned", raw_head(SIGNING, issuer=by), good_key, "0 signatures, not 1 to 10", [])
    sent(
        "revocation-algorithm",
        raw_head(REVOCATION, issuer=by),
        bytes(32),
        "algorithm 0x24 where there is no key",
    )

    def roots(name, rest, reason):
        body = raw_head(ROOTS, 2, algorithm=0) + rest
        add("statement-roots-" + name, image(row(raw_signed(body, AB), INTER, SIGN)), reason)

    a, d = PUBLIC["root-a"].der, PUBLIC["root-d"].der
    roots("threshold-0", raw_roots(0, [a, d]), "threshold 0 of 2 keys")
    roots("threshold-3", raw_roots(3, [a, d]), "threshold 3 of 2 keys")
    roots("none", raw_roots(1, []), "0 keys, not 1 to 5")
    roots("many", raw_roots(1, [a, d] * 3), "6 keys, not 1 to 5")
    roots("twice", raw_roots(1, [a, a]), "a key stands twice")
    roots("reserved", raw_roots(1, [a], zero=1), "a reserved byte is 1")


def signatures_that_do_not_hold():
    def changed(statement, at=-1):
        data = bytearray(statement.bytes)
        data[at] ^= 1
        return bytes(data)

    add("signature-of-image", image(row(INTER, SIGN))[:-1] + b"\xff", "signature: ")
    add("signature-of-signing-key", image(row(INTER, changed(SIGN))), "signing key statement 1: signature: ")
    add("signature-one-of-two", image(row(changed(INTER), SIGN)), "intermediate key statement 1: signature: ")
    three = inter(signers=[KEY["root-a"], KEY["root-b"], KEY["root-c"]])
    add(
        "signature-one-of-three",
        image(row(changed(three), SIGN)),
        "intermediate key statement 1: signature: ",
    )
    add("signature-too-few", image(row(inter(signers=AB[:1]), SIGN)), "1 of 2 signatures by roots")
    add(
        "signature-unknown-root",
        image(row(inter(signers=[*AB, KEY["root-d"]]), SIGN)),
        "signed by an unknown key",
    )
    body = INTER.body
    add("signature-twice", image(row(raw_signed(body, [AB[0], AB[0]]), SIGN)), "two signatures by one key")
    add(
        "signature-order",
        image(row(raw_signed(body, AB, lambda found: sorted(found)[::-1]), SIGN)),
        "signatures are not in order",
    )
    stranger = key_statement(SIGNING, PUBLIC["signing"], [KEY["signing-2"]], issuer=PUBLIC["intermediate"])
    add(
        "signature-by-a-stranger",
        image(row(INTER, stranger)),
        "signing key statement 1: signed by an unknown key",
    )
    both = key_statement(
        SIGNING, PUBLIC["signing"], [KEY["signing-2"], KEY["intermediate"]], issuer=PUBLIC["intermediate"]
    )
    add("signature-by-a-stranger-too", image(row(INTER, both)), "statement 1: signed by an unknown key")
    wrong = bytearray(image(row(INTER, SIGN)))
    at = len(wrong) - 68
    assert struct.unpack_from("<HH", wrong, at) == (0x24, 64)
    struct.pack_into("<H", wrong, at, 0x22)
    add("signature-of-another-type", bytes(wrong), "it is ECDSA P-256, and the key is Ed25519")
    changed_limits = bytearray(SIGN.bytes)
    changed_limits[44] ^= 1
    add(
        "statement-changed",
        image(row(INTER, bytes(changed_limits))),
        "signing key statement 1 is for other hardware",
    )
    changed_version = bytearray(SIGN.bytes)
    changed_version[8] = 9
    add("statement-version-changed", image(row(INTER, bytes(changed_version))), "statement 9: signature: ")


def roots_that_do_not_follow():
    keys = [PUBLIC["root-b"], PUBLIC["root-d"]]
    old = root_set(keys, 2, [KEY["root-b"], KEY["root-d"]], 2)
    add("roots-not-by-the-old", image(row(old, INTER, SIGN)), "1 of 2 signatures by the roots before")
    add("roots-not-by-the-old-alone", row(old), "1 of 2 signatures by the roots before")
    own = root_set(keys, 2, AB, 2)
    add("roots-not-by-their-own", image(row(own, INTER, SIGN)), "1 of 2 signatures by its own keys")
    rival = root_set(keys, 1, [*AB, KEY["root-d"]], 1)
    add("roots-same-version", image(row(rival, INTER, SIGN)), "another root set has that version")
    add("roots-same-version-alone", row(rival), "another root set has that version")
    good_set = root_set(keys, 2, [*AB, KEY["root-d"]], 3)
    taken = good("good-roots-3", row(good_set))
    by_b_and_d = [KEY["root-b"], KEY["root-d"]]
    newest = root_set([PUBLIC["root-d"]], 1, by_b_and_d, 4)
    good("good-roots-3-4", row(good_set, newest))
    shorter = root_set([PUBLIC["root-d"]], 1, [*AB, KEY["root-d"]], 4)
    good("good-roots-4-by-all", row(shorter))
    third = root_set([PUBLIC["root-c"]], 1, [KEY["root-d"], KEY["root-c"]], 5)
    add("roots-too-far-alone", row(good_set, newest, third), "too far from the firmware's root set")
    by_new = inter("intermediate-2", 2, by_b_and_d)
    good(
        "good-image-by-roots-3",
        image(row(good_set, by_new, signing("signing-2", "intermediate-2")), "signing-2", counter=7),
    )
    add("roots-older-alone", row(ROOT_SET), "root set statement 1 is superseded by 3", [taken], True)
    add("roots-gone", image(row(INTER, SIGN)), "signed by an unknown key", [taken])


def rules():
    chain = row(INTER, SIGN)
    confirmed = good("good-counter-7", image(chain, counter=7))
    good("good-counter-8", image(chain, counter=8))
    good(
        "good-counter-8-signing-2", image(row(INTER, signing("signing-2", version=2)), "signing-2", counter=8)
    )
    good("good-two-of-three", image(row(inter(signers=BC), SIGN), counter=7))
    add("counter-too-low", image(chain, counter=6), "security counter 6 is below 7", [confirmed], True)
    add("counter-missing", image(chain), "no security counter, at least 7 is needed", [confirmed], True)
    add("expired", image(row(INTER, signing(counter_max=5)), counter=6), "expired, counter 6 is above 5")
    add(
        "expired-intermediate",
        image(row(inter(counter_max=5), SIGN), counter=6),
        "expired, counter 6 is above 5",
    )
    add("too-early", image(row(INTER, signing(counter_min=5)), counter=4), "too early, counter 4 is below 5")
    add(
        "wrong-image-number",
        image(row(INTER, signing(images=[1]))),
        "signing key statement 1 is not for image 0",
    )
    add("foreign-hardware-key", image(row(inter(hardware="c3"), SIGN)), "is for other hardware")
    add("foreign-hardware-alone", row(inter(hardware="c3")), "is for other hardware")
    foreign = claim_tlvs(hardware=["c3", "c6"])
    add("foreign-hardware", image(chain, tlvs=foreign), "image for hardware c3,c6, this is sim")
    newer = claim_tlvs(runtime="200.1.2")
    add("newer-runtime", image(chain, tlvs=newer), "image needs MicroPython 200.1.2")


def revoked_and_superseded():
    chain = row(INTER, SIGN)
    ended = {
        "signing": good("good-revoke-signing", row(revocation(PUBLIC["signing"].keyhash, BC))),
        "intermediate": good(
            "good-revoke-intermediate", row(revocation(PUBLIC["intermediate"].keyhash, AB, stop=True))
        ),
        "by-issuer": good(
            "good-revoke-by-issuer",
            row(
                INTER,
                revocation(PUBLIC["signing"].keyhash, [KEY["intermediate"]], issuer=PUBLIC["intermediate"]),
            ),
        ),
    }
    add("revoked-signing", image(chain), "the signing key is revoked", [ended["signing"]], True)
    add("revoked-by-issuer", image(chain), "the signing key is revoked", [ended["by-issuer"]], True)
    text = "the intermediate key is revoked, running images included"
    add("revoked-intermediate", image(chain), text, [ended["intermediate"]], True)
    add("revoked-alone", chain, "the intermediate key is revoked", [ended["intermediate"]], True)
    good("good-stop-signing", row(revocation(PUBLIC["signing"].keyhash, BC, stop=True)))
    eight = good("good-revoke-eight", row(*[revocation(bytes((n,)) * 32, AB) for n in range(8)]))
    add(
        "revoked-too-many-alone",
        row(revocation(PUBLIC["signing"].keyhash, BC)),
        "no room for more than 8",
        [eight],
    )
    own = revocation(PUBLIC["signing"].keyhash, AB)
    add("revoked-by-its-own-chain", image(row(INTER, own, SIGN)), "the signing key is revoked", old=True)
    next_key = good("good-signing-2", row(INTER, signing("signing-2", version=2)))
    add("superseded-signing", image(chain), "signing key statement 1 is superseded by 2", [next_key], True)
    add("superseded-alone", chain, "signing key statement 1 is superseded by 2", [next_key], True)
    next_link = good("good-intermediate-2", row(inter("intermediate-2", 2)))
    add(
        "superseded-intermediate",
        image(chain),
        "intermediate key statement 1 is superseded by 2",
        [next_link],
        True,
    )
    by_image = good("good-image-2", image(row(INTER, signing("signing-2", version=2)), "signing-2"))
    add(
        "superseded-by-an-image", image(chain), "signing key statement 1 is superseded by 2", [by_image], True
    )
    add(
        "revocation-by-a-stranger",
        row(
            inter("intermediate-2"),
            revocation(PUBLIC["signing"].keyhash, [KEY["signing"]], issuer=PUBLIC["intermediate-2"]),
        ),
        "revocation statement 1: signed by an unknown key",
    )


def main():
    for path in [*HERE.glob("*.bin"), *HERE.glob("*.chain")]:
        if path.stem not in ONCE:
            path.unlink()
    (HERE / "roots.chain").write_bytes(row(ROOT_SET))
    assert Chain.parse(row(ROOT_SET)).data == row(ROOT_SET)
    for part in (
        tlvs_that_are_broken,
        encryption,
        chains_that_are_broken,
        statements_that_are_broken,
        signatures_that_do_not_hold,
        roots_that_do_not_follow,
        rules,
        revoked_and_superseded,
    ):
        part()
    (HERE / "bad.json").write_text(json.dumps(listed, indent=1) + "\n")


if __name__ == "__main__":
    main()
