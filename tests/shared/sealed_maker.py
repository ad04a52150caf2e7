"""Sealed patches as whoever knows the format makes them (SPEC.md 12.7)."""

import hashlib

from ophion_boot.core.secret import Secret
from ophion_boot.crypto.aes_ctr import AesCtr
from ophion_boot.crypto.hkdf import hkdf, hmac
from ophion_boot.crypto.x25519 import shared
from ophion_boot.fmt.delta import HEADER_BYTES, Header
from ophion_boot.fmt.image import Header as ImageHeader
from ophion_boot.fmt.image import area_size, parse_tlvs, wrapped_tlv
from ophion_boot.fmt.sealed import BLOCK_BYTES, TAG_BYTES, Prefix, make_prefix
from ophion_boot.fmt.wrapped import X25519, wrapped_value
from support import aes, secret_keys

BASE_POINT = b"\x09" + bytes(31)
NONCE = b"a nonce!"
# A block and its tag.
WHOLE = BLOCK_BYTES + TAG_BYTES
_contents = {}


def content_of(data):
    """The content key of an encrypted image, empty for a plain one."""
    header = ImageHeader(data)
    if not header.key_size:
        return b""
    kind, value = wrapped_of(data)
    if value not in _contents:
        found = wrapped_value(kind, value, header.key_size)
        secret = Secret(secret_keys(), aes)
        _contents[value] = secret.content(secret.choose(found, header.hdr_size, header.img_size))
    return _contents[value]


def span_of(data):
    """(first byte, bytes) of an image's payload."""
    header = ImageHeader(data)
    return header.hdr_size, header.img_size


def wrapped_of(data):
    """(type, value) of the TLV of an image with the wrapped keys."""
    header = ImageHeader(data)
    at = header.signed_size
    block = data[at : at + area_size(data[at : at + 4], False)]
    kind, start, size = wrapped_tlv(header, parse_tlvs(block, False))
    return kind, bytes(block[start : start + size])


def wrap_for_device(content):
    """(type, value): `content` for the device's X25519 key, of which this uses the public half alone."""
    private = next(key for _, kind, key in secret_keys() if kind == X25519)
    public = shared(private, BASE_POINT)
    mine = hashlib.sha256(b"ephemeral").digest()
    derived = hkdf(shared(mine, public), b"", b"MCUBoot_ECIES_v1", len(content) + 32)
    wrapped = bytearray(content)
    AesCtr(derived[: len(content)], bytes(16), aes).xor(wrapped, 0)
    return X25519, shared(mine, BASE_POINT) + hmac(derived[len(content) :], bytes(wrapped)) + bytes(wrapped)


def for_upload(patch, new):
    """The `patch` between images in the clear, with the hash of the encrypted image `new`."""
    header = Header(patch)
    header.new_hash = hashlib.sha256(new).digest()[:8]
    return header.pack() + patch[HEADER_BYTES:]


def make_sealed(patch, content, wrapped, span, tag_key=None, nonce=NONCE):
    """A sealed patch. `wrapped` is (type, value), `span` (start, size) of the payload; `tag_key` is the whole
    key of the tags, `content` where it is not given."""
    prefix = make_prefix(len(content), nonce, *span, *wrapped)
    data = bytearray(patch)
    AesCtr(content, nonce + bytes(8), aes).xor(data, 0)
    digest = hashlib.sha256(prefix).digest()
    made = prefix
    for number in range(-(-len(data) // BLOCK_BYTES)):
        block = bytes(data[number * BLOCK_BYTES : (number + 1) * BLOCK_BYTES])
        text = digest + bytes((number & 255, number >> 8, 0, 0)) + block
        made += block + hmac(tag_key or content, text)[:TAG_BYTES]
    return made


def open_sealed(data, content):
    """The patch in a sealed one; no tag is looked at."""
    prefix = Prefix(data)
    found = bytearray()
    at = prefix.size
    while at < len(data):
        end = min(at + BLOCK_BYTES + TAG_BYTES, len(data))
        found += data[at : end - TAG_BYTES]
        at = end
    AesCtr(content, prefix.counter, aes).xor(found, 0)
    return bytes(found)
