"""Each rule of a device that takes patches, switched off: a test of tests/shared finds it."""

import pytest
import rig_patches
import test_patch_uploads as uploads
from ophion_boot.core.patching import Patching
from ophion_boot.fmt.image import signature_tlvs


class BaseUnchecked(Patching):
    """The base is not compared."""

    def _check(self, header):
        pass


class BaseByItsSizeAlone(Patching):
    def _check(self, header):
        self._digest = header.old_hash
        super()._check(header)


class EncryptedBase(Patching):
    """Parts of an encrypted image would lie in the clear."""

    def base(self):
        area = self._strategy.active()
        try:
            header, total, _, entries, tlvs = self._verifier.read_layout(area, area.size)
        except ValueError:
            return None
        return {
            "version": header.version_text(),
            "hash": bytes(signature_tlvs(entries, tlvs)[0]),
            "size": total,
        }


class ErasedFirst(Patching):
    """The slot is made free before the image has shown itself."""

    def _begin(self, data, size, sha):
        super()._begin(data, size, sha)
        self._strategy.discard()


class SlotNotAsked(Patching):
    """Nobody asks whether the slot is wanted until something comes out."""

    def _begin(self, data, size, sha):
        check, self._strategy.check_upload = self._strategy.check_upload, lambda: None
        try:
            super()._begin(data, size, sha)
        finally:
            self._strategy.check_upload = check


class AllAtOnce(Patching):
    """A chunk is decoded to its end, however much that makes."""

    def _decode(self, data):
        answer = None
        while answer is None:
            at = self._at
            answer = super()._decode(data)
            data = data[self._at - at :]
        return answer


class MatchIgnored(Patching):
    def _took(self, answer):
        super()._took(answer)
        self._match = True


class NothingDiscarded(Patching):
    """What a broken patch made stays where it is."""

    def _spoilt(self, made):
        super()._spoilt(False)


class EndNotAsked(Patching):
    """A patch that ends early is taken for one that waits."""

    def _decode(self, data):
        finish, self._decoder.finish = self._decoder.finish, lambda: None
        try:
            return super()._decode(data)
        finally:
            if self._decoder:
                self._decoder.finish = finish


class PlaceOfAnybody(Patching):
    """Where to go on is taken from whatever was uploaded."""

    def _position(self):
        place = self._progress.place(self._sha)
        if place[1]:
            self._have = place[1]
            return place
        return super()._position()


class StartAgain(Patching):
    """After a reset everything is sent and made again."""

    def _position(self):
        self._upload.forget()
        return super()._position()


class LinkForgotten(Patching):
    """The decoder does not outlive a link."""

    def _begin(self, data, size, sha):
        if not self._again:
            self._drop()
        super()._begin(data, size, sha)


MUTANTS = {
    BaseUnchecked: uploads.test_another_base_is_refused_before_anything_is_done,
    BaseByItsSizeAlone: uploads.test_another_base_is_refused_before_anything_is_done,
    EncryptedBase: uploads.test_what_has_no_image_of_its_own_is_no_base,
    ErasedFirst: uploads.test_what_the_first_bytes_of_the_image_show_is_refused_before_anything_is_erased,
    SlotNotAsked: uploads.test_a_slot_that_is_wanted_is_refused,
    AllAtOnce: uploads.test_a_chunk_that_makes_more_than_a_sector_is_answered_after_the_last_of_it,
    MatchIgnored: uploads.test_a_broken_patch_leaves_what_runs_and_nothing_that_could,
    NothingDiscarded: uploads.test_a_patch_that_ends_early_or_goes_on,
    EndNotAsked: uploads.test_a_patch_that_ends_early_or_goes_on,
    PlaceOfAnybody: uploads.test_what_was_kept_of_another_patch_or_image_does_not_count,
    StartAgain: uploads.test_after_a_reset_it_goes_on_at_the_segment_and_writes_nothing_twice,
    LinkForgotten: uploads.test_after_a_lost_link_not_a_byte_is_sent_again,
}


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda kind: kind.__name__)
def test_without_it_a_test_fails(mutant, monkeypatch):
    monkeypatch.setattr(rig_patches, "Patching", mutant)
    with pytest.raises((AssertionError, ValueError, OSError)):
        MUTANTS[mutant]()
