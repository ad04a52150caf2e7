"""The mended weaknesses of encrypted updates; see mutations.py."""

from ophion_boot.core.patching import Patching


class EncNoRecords:
    """The journal does not keep the wrapped keys: a swap that goes on copies as if nothing were encrypted."""

    def _seals(self):
        return None, None


class EncKeysInTrailer:
    """The journal keeps the content keys themselves, as MCUboot does by default."""

    def _begin(self, swap_type, pri_size, sec_size, seals=(None, None)):
        super()._begin(swap_type, pri_size, sec_size, seals)
        free = self._records._at + 2 * 160
        for n, seal in enumerate(seals):
            if seal:
                self.primary.area.program(free + 32 * n, self._secret.content(seal) + bytes(16))


class EncPlainOut:
    """What leaves the primary slot is copied as it lies there."""

    def _change(self, source, source_sector, target, target_sector):
        if target is self.primary.area:
            super()._change(source, source_sector, target, target_sector)


class EncInPlace:
    """An update is decrypted where it was staged, and then copied: it is known to be good, after all."""

    def install(self, swap_type, old_size, new_size, seals=(None, None)):
        area = self.secondary.area
        cipher = self._secret.cipher(seals[1])
        for sector in range(self._sectors(new_size) if cipher else 0):
            at = sector * self._sector
            self.staged().read(at, self._buf)
            cipher.xor(self._buf, at)
            place = self.staged()._offset - area._offset + at
            area.erase(place // self._sector)
            area.program(place, self._buf)
        super().install(swap_type, old_size, new_size, (seals[0], None))


class EncPatchInClear:
    """What a sealed patch makes is written as it comes out."""

    def _write(self, data):
        Patching._write(self, data)


PATCHING = {"enc_patch_in_clear": EncPatchInClear}
ENCRYPTED = {
    "enc_no_records": EncNoRecords,
    "enc_keys_in_trailer": EncKeysInTrailer,
    "enc_plain_out": EncPlainOut,
    "enc_in_place": EncInPlace,
}
