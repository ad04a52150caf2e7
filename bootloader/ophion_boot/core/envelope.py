"""A signed image whose payload has to lie at the first byte of its slot.

ESP-IDF's second-stage bootloader wants an application image at the start of its partition, so the
MCUboot header and the TLVs of a runtime image lie in a sector of their own behind it, the envelope
(SPEC.md 4.6). `EnvelopedArea` shows both as one image again: header, payload, TLVs.
"""

from ophion_boot.compat import const
from ophion_boot.core.area import Area, AreaError
from ophion_boot.fmt import FormatError
from ophion_boot.fmt.image import Header

_HEADER_BYTES = const(32)
# Where TLVs begin: behind a header of the usual size, on a boundary of every write unit.
_STEP = const(32)


class EnvelopedArea(Area):
    """The image in `area` with its envelope in sector `envelope` of it; same methods as an Area.

    Header and payload must be whole write units, and header and TLVs fit the envelope's sector:
    AreaError otherwise. Sectors are those of the payload; erasing sector 0 forgets the envelope too.
    """

    def __init__(self, area: Area, envelope: int) -> None:
        self._area = area
        self._at = envelope * area.sector
        self._envelope = envelope
        self._header = 0
        self._end = 0
        self.sector = area.sector
        self.write_size = area.write_size
        self.sectors = envelope + 1
        self.size = self.sectors * area.sector

    def read(self, at: int, buf: bytearray | memoryview) -> None:
        """Fill `buf` from byte `at` of the image on; what no header vouches for reads as erased."""
        if at == 0 or not self._header:
            head = bytearray(_HEADER_BYTES)
            self._area.read(self._at, head)
            self._learn(head)
        self._each(at, buf, self._area.read)

    def program(self, at: int, buf: bytes | bytearray | memoryview) -> None:
        """Program `buf` at byte `at` of the image; the header comes first, with 32 bytes or more."""
        if at == 0:
            self._learn(buf)
        if not self._header:
            raise AreaError("no header: the envelope is written first")
        self._check_units()
        self._each(at, memoryview(buf), self._area.program)

    def erase(self, sector: int, count: int = 1) -> None:
        """Erase payload sectors; the first one takes the envelope with it, before."""
        for n in range(sector, sector + count):
            if n == 0:
                self._header = 0
                self._area.erase(self._envelope)
            if n < self._envelope:
                self._area.erase(n)

    def blank(self, sector: int, start: int = 0, buf: bytearray | memoryview | None = None) -> bool:
        """True when every byte of the payload sector, and for the first the envelope, reads 0xff."""
        if sector == 0 and not self._area.blank(self._envelope, buf=buf):
            return False
        return sector >= self._envelope or self._area.blank(sector, start=start, buf=buf)

    def resume(self, at: int) -> tuple[int, int]:
        """As an Area's, in bytes of the image; 0 when header and envelope have to be written anew."""
        self.read(0, bytearray(_HEADER_BYTES))
        if not self._header or at <= self._header:
            return 0, 0
        tlvs = self._locate(max(at, self._end))[0]
        clean = self._area.resume(tlvs)[0] == tlvs
        if at > self._end:
            return (at, self._envelope) if clean else (0, 0)
        if not clean:
            head = bytearray(self._header)
            self._area.read(self._at, head)
            self._area.erase(self._envelope)
            self._area.program(self._at, head)
        found, sector = self._area.resume(at - self._header)
        return (found + self._header, sector) if found else (0, 0)

    def part(self, offset: int, size: int) -> Area:
        """Not for an enveloped image: its bytes do not follow each other."""
        raise AreaError("an enveloped image has no parts")

    def payload(self) -> Area:
        """The area as it is, with the payload at its first byte."""
        return self._area

    def _learn(self, head: bytes | bytearray | memoryview) -> None:
        self._header = 0
        try:
            header = Header(head)
        except FormatError:
            return
        self._header = header.hdr_size
        self._end = header.hdr_size + header.img_size

    def _check_units(self) -> None:
        for name, size in (("header", self._header), ("payload", self._end - self._header)):
            if size % self.write_size:
                raise AreaError("%s of %d bytes is not in write units of %d" % (name, size, self.write_size))

    def _each(self, at: int, buf, act) -> None:  # type: ignore[no-untyped-def]
        """Call `act` for each stretch of `buf` that lies in one piece."""
        where, room = self._locate(at)
        if room >= len(buf):
            act(where, buf)
            return
        view = memoryview(buf)
        while view:
            where, room = self._locate(at)
            act(where, view[:room])
            view = view[room:]
            at += room

    def _locate(self, at: int) -> tuple[int, int]:
        """Where byte `at` of the image lies in the area, and how many bytes follow there."""
        if not self._header or at < self._header:
            return self._inside(self._at, at, (self._header or self._area.sector) - at)
        if at < self._end:
            if self._end - self._header > self._at:
                raise AreaError(
                    "payload of %d bytes does not fit in %d" % (self._end - self._header, self._at)
                )
            return at - self._header, self._end - at
        behind = -(-self._header // _STEP) * _STEP + at - self._end
        return self._inside(self._at, behind, self._area.sector - behind)

    def _inside(self, start: int, offset: int, room: int) -> tuple[int, int]:
        if offset < 0 or offset >= self._area.sector or room <= 0:
            raise AreaError("header and TLVs do not fit in a sector of %d bytes" % self._area.sector)
        return start + offset, room
