"""Cases for the crypto modules as bytes, so that one file of them runs on CPython, MicroPython and QEMU.

A case is a list of byte fields: kind, inputs..., expected outcome; the outcome is b"-" when the call raises
CryptoError, else b"+" and the result. A file of cases is fields, each behind its length in three bytes, each
case behind its number of fields in one.
"""

from ophion_boot.crypto import (
    CryptoError,
    aes_ctr,
    ed25519,
    ed25519_table,
    hkdf,
    p256,
    p256_table,
    rsa,
    sha512,
    x25519,
)

_tables = {}


def _table(module, key):
    if (module, key) not in _tables:
        if len(_tables) > 3:
            _tables.clear()
        _tables[module, key] = module.make_table(key)
    return _tables[module, key]


def _aes(key, counter, offset, data):
    buf = bytearray(data)
    aes = None
    try:
        import cryptolib  # noqa: F401
    except ImportError:
        from cryptolib_double import aes
    aes_ctr.AesCtr(key, counter, aes).xor(buf, int.from_bytes(offset, "big"))
    return bytes(buf)


def _hkdf512(secret, salt, info, length):
    return hkdf.hkdf(secret, salt, info, int.from_bytes(length, "big"), sha512.sha512, 128)


CALLS = {
    b"ed25519": ed25519.verify,
    b"ed25519-table": lambda key, message, sig: ed25519.verify(key, message, sig, _table(ed25519_table, key)),
    b"p256": p256.verify,
    b"p256-table": lambda key, digest, sig: p256.verify(key, digest, sig, _table(p256_table, key)),
    b"rsa": rsa.verify,
    b"x25519": x25519.shared,
    b"ecdh": p256.ecdh,
    b"sha512": sha512.sha512,
    b"hmac": hkdf.hmac,
    b"hkdf": lambda secret, salt, info, n: hkdf.hkdf(secret, salt, info, int.from_bytes(n, "big")),
    b"hkdf512": _hkdf512,
    b"aes": _aes,
}


def outcome(kind, fields):
    """What the call of `kind` on `fields` does, as a case states it."""
    try:
        return b"+" + (CALLS[kind](*fields) or b"")
    except CryptoError:
        return b"-"


def pack(cases):
    """The bytes of a file of cases."""
    out = []
    for case in cases:
        out.append(bytes((len(case),)))
        for field in case:
            out.append(len(field).to_bytes(3, "big"))
            out.append(field)
    return b"".join(out)


def unpack(data):
    """The cases of a file, one at a time."""
    at = 0
    while at < len(data):
        case = []
        count = data[at]
        at += 1
        for _ in range(count):
            size = int.from_bytes(data[at : at + 3], "big")
            case.append(bytes(data[at + 3 : at + 3 + size]))
            at += 3 + size
        yield case


def run(cases):
    """(number of cases, those whose outcome is another: number from 0, kind, expected, outcome)."""
    count = 0
    wrong = []
    for case in cases:
        found = outcome(case[0], case[1:-1])
        if found != case[-1]:
            wrong.append((count, case[0], case[-1], found))
        count += 1
    return count, wrong


def main(data):
    """Run a file of cases and print the result, for runtimes that have only their output."""
    count, wrong = run(unpack(data))
    for line in wrong:
        print("WRONG", line)
    print("CASES", count, "WRONG", len(wrong))
