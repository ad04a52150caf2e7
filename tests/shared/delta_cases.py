"""Cases of tools/fuzz/delta.py: one patch through the decoder, on either runtime."""

import hashlib
import struct
import sys

# The content key of the sealed patches; the wrapped key in their prefix is not opened.
CONTENT = b"a key of 16 byte"


def run(old, patch, step):
    """How applying `patch` to `old` ended, in a word. Raises AssertionError for what must not happen."""
    from ophion_boot.core.delta import Decoder, DeltaError
    from ophion_boot.fmt import FormatError
    from ophion_boot.fmt.delta import HEADER_BYTES, Header

    if patch[:4] == b"OPHS":
        patch, ending = unseal(patch, step)
        if ending:
            return ending
    out = bytearray()

    def read(at, buf):
        if at < 0 or at + len(buf) > len(old) or not len(buf):
            raise AssertionError("read of %d bytes at %d of %d" % (len(buf), at, len(old)))
        buf[:] = old[at : at + len(buf)]

    def write(data):
        out.extend(data)
        if len(out) > header.new_size:
            raise AssertionError("%d bytes written of %d" % (len(out), header.new_size))

    try:
        header = Header(patch)
        header.check_base(len(old), hashlib.sha256(old).digest())
        # An image that is far larger than what a case is about only takes time.
        if header.new_size > 1 << 16:
            return "too large to try"
        decoder = Decoder(header, read, write)
        for at in range(HEADER_BYTES, len(patch), step):
            decoder.feed(memoryview(patch)[at : at + step])
        decoder.finish()
    except FormatError as e:
        return "refused by the header: " + _kind(e)
    except DeltaError as e:
        return "refused: " + _kind(e)
    if len(out) != header.new_size:
        raise AssertionError("%d bytes written of %d" % (len(out), header.new_size))
    try:
        header.check_result(hashlib.sha256(out).digest())
    except FormatError:
        return "another image, found by its hash"
    return "the image"


def unseal(data, step):
    """(what is in a sealed patch, how that ended if it did not go well), taken as a device does."""
    from ophion_boot.core.sealed_patching import SealedStream
    from ophion_boot.crypto import CryptoError
    from ophion_boot.crypto.aes_ctr import AesCtr
    from ophion_boot.fmt import FormatError

    found = bytearray()
    try:
        stream = SealedStream((len(data), b"", data))
        for at in range(0, len(data), step):
            rest = memoryview(data)[at : at + step]
            while len(rest):
                some = stream.put(rest)
                if not some:
                    raise AssertionError("byte %d of %d is not taken" % (stream.at, len(data)))
                rest = rest[some:]
                if stream.full():
                    if not stream.number:
                        stream.recipients()
                        stream.stream = AesCtr(CONTENT, stream.prefix.counter, _aes())
                        stream.unlock(CONTENT)
                    stream.open_block()
                    found += stream.clear
                    stream.next()
    except FormatError as e:
        return b"", "refused by the prefix: " + _kind(e)
    except CryptoError as e:
        return b"", "refused: " + _kind(e)
    return bytes(found), ""


def _aes():
    try:
        from cryptolib import aes
    except ImportError:
        from cryptolib_double import aes
    return aes


def _kind(error):
    """The reason without its numbers."""
    return " ".join([word for word in str(error).split(":")[0].split(" ") if word.isalpha()][:5])


def pack(cases):
    """Cases as bytes, for `main`."""
    return b"".join([struct.pack("<III", len(c[0]), len(c[1]), c[2]) + c[0] + c[1] for c in cases])


def main(data):
    """Run packed cases; prints how many ended how."""
    counts = {}
    at = 0
    while at < len(data):
        old, patch, step = struct.unpack("<III", data[at : at + 12])
        at += 12
        ending = run(data[at : at + old], data[at + old : at + old + patch], step)
        at += old + patch
        counts[ending] = counts.get(ending, 0) + 1
    for ending, count in counts.items():
        print(count, ending)


if __name__ == "__main__":
    sys.path.insert(0, sys.argv[1] + "/bootloader")
    with open(sys.argv[2], "rb") as f:
        main(f.read())
