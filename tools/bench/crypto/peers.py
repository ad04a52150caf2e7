"""Public pure-Python code, taken from its installed package and changed as little as MicroPython needs.

MicroPython has no `int.bit_length`, answers 0 to `pow(x, -1, n)`, slices with step 1 only and cannot
recurse 253 times. `pure25519` is compared without its two checks of the subgroup, which would double its
time.
"""

import importlib.util
import re
from pathlib import Path

BITS = """
def _bits(n):
    return len("%x" % n) * 4 - 4 + (0, 1, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 4, 4, 4, 4)[int(("%x" % n)[0], 16)]
"""
REVERSED = """
def _reversed(data):
    return bytes(reversed(data))
"""
ITERATIVE = """
def scalarmult_element(pt, n):
    result = pt
    for bit in bin(n)[3:]:
        result = double_element(result)
        if bit == "1":
            result = _add_elements_nonunfied(result, pt)
    return result
"""
CHECK = """
def verify(key, message, signature, sha512):
    r = xform_affine_to_extended(decodepoint(signature[:32]))
    a = xform_affine_to_extended(decodepoint(key))
    s = bytes_to_scalar(signature[32:])
    h = int.from_bytes(sha512(signature[:32] + key + message), "little") % L
    left = scalarmult_element(xform_affine_to_extended(B), s)
    right = add_elements(r, scalarmult_element(a, h))
    if encodepoint(xform_extended_to_affine(left)) != encodepoint(xform_extended_to_affine(right)):
        raise ValueError("it does not match")
"""


def _source(module: str) -> str:
    spec = importlib.util.find_spec(module)
    assert spec and spec.origin, f"{module} is not installed: make setup"
    return Path(spec.origin).read_text()


def starkbank() -> dict[str, str]:
    """The package `starkbank_peer`: curve, point and math of starkbank-ecdsa."""
    files = {"starkbank_peer/__init__.py": ""}
    for name in ("point", "math", "curve"):
        text = re.sub(r"\b(\w+)\.bit_length\(\)", r"_bits(\1)", _source(f"ellipticcurve.{name}"))
        text = text.replace("return pow(x, -1, n)", 'raise ValueError("no")')
        # The text of the docstrings is not needed there.
        files[f"starkbank_peer/{name}.py"] = BITS + re.sub(r'"""[\s\S]*?"""', "pass", text)
    return files


def pure25519() -> dict[str, str]:
    """The module `pure25519_peer`: the fast form of pure25519's `basic`."""
    text = _source("pure25519.basic").split("# Elements, of various orders")[0]
    text = text.replace("import binascii, hashlib, itertools", "import binascii")
    text = re.sub(r"(binascii\.unhexlify\([^\n]*?\)|\bs(?:\[:32\])?)\[::-1\]", r"_reversed(\1)", text)
    return {"pure25519_peer.py": REVERSED + text + ITERATIVE + CHECK}


def eccsnacks() -> dict[str, str]:
    """The module `eccsnacks_peer`: X25519 of eccsnacks, on numbers."""
    return {"eccsnacks_peer.py": _source("eccsnacks.curve25519")}
