"""Cases of tools/fuzz/delta.py: one patch through the decoder, on either runtime."""

import hashlib
import struct
import sys


def run(old, patch, step):
    """How applying `patch` to `old` ended, in a word. Raises AssertionError for what must not happen."""
    from ophion_boot.core.delta import Decoder, DeltaError
    from ophion_boot.fmt import FormatError
    from ophion_boot.fmt.delta import HEADER_BYTES, Header

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
