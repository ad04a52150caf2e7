"""Each rule of a device that takes sealed patches, switched off: a test of tests/shared finds it."""

import hashlib

import pytest
import rig_patches
import test_sealed_patches as sealed
import test_sealed_resume as resume
from ophion_boot.core import sealed_patching
from ophion_boot.core.patching import Patching
from ophion_boot.core.sealed_patching import SealedPatching, SealedStream
from ophion_boot.fmt.sealed import TAG_BYTES


class TagsIgnored(SealedStream):
    """A block is taken from anybody."""

    def open_block(self):
        start, end = self.prefix.block(self.number, self.total)
        self.clear = memoryview(self.block)[: end - start - TAG_BYTES]
        self.stream.xor(self.clear, self.number * 1024)


class FirstTagOnly(TagsIgnored):
    """What follows the first block is decoded as it comes."""

    def open_block(self):
        if self.number:
            super().open_block()
        else:
            SealedStream.open_block(self)


class PrefixNotBound(SealedStream):
    """Tags are over the blocks alone."""

    def unlock(self, key):
        super().unlock(key)
        self._digest = hashlib.sha256(self.head[:6]).digest()


class AnyBlockAtAnyPlace(SealedStream):
    """The tag does not say where a block belongs: it is tried as each of the first ones."""

    def open_block(self):
        start, end = self.prefix.block(self.number, self.total)
        size = end - start - TAG_BYTES
        for number in range(4):
            text = sealed_patching.block_text(self._digest, number, memoryview(self.block)[:size])
            if sealed_patching.hmac(self._key, text)[:TAG_BYTES] == bytes(self.block[size:][:TAG_BYTES]):
                self.clear = memoryview(self.block)[:size]
                self.stream.xor(self.clear, self.number * 1024)
                return
        raise sealed_patching.CryptoError("tag of block %d does not match" % self.number)


class FromTheStart(SealedStream):
    """After a reset all blocks are sent again."""

    def go_on(self, at):
        return True


class BaseKeyNotAsked(SealedPatching):
    """Whoever may send to the device may have it copy from what runs."""

    def _base_key(self):
        return b""


class OrdinaryPatches(SealedPatching):
    """An encrypted image is a base like any other."""

    _shown = 32

    def _any_base(self):
        return self.base()


class InTheClear(SealedPatching):
    """What comes out is written as it is."""

    def _write(self, data):
        Patching._write(self, data)


class NothingFreed(SealedPatching):
    """What was made of a changed patch stays where it is."""

    def _spoilt(self, made):
        super()._spoilt(False)


class NothingForgotten(SealedPatching):
    """A sealed patch is on its way until another one is."""

    def _drop(self):
        Patching._drop(self)


class SpanNotLookedAt(SealedPatching):
    def _first_block(self, stream):
        stream.prefix.payload, payload = 1, stream.prefix.payload
        try:
            return super()._first_block(stream)
        finally:
            stream.prefix.payload = payload


class WhereverItIs(SealedPatching):
    """Nobody asks whether this image number takes encrypted images."""

    def _start(self, data, size, sha):
        takes, self._strategy.takes_encrypted = self._strategy.takes_encrypted, True
        secret, self._verifier.secret = self._verifier.secret, True
        try:
            super()._start(data, size, sha)
        finally:
            self._strategy.takes_encrypted, self._verifier.secret = takes, secret


class SlotNotAsked(SealedPatching):
    """Nobody asks whether the slot is wanted until the first block is there."""

    def _start(self, data, size, sha):
        check, self._strategy.check_upload = self._strategy.check_upload, lambda: None
        try:
            super()._start(data, size, sha)
        finally:
            self._strategy.check_upload = check


class LinkForgotten(SealedPatching):
    """What was collected does not outlive a link."""

    def _start(self, data, size, sha):
        if not self._again:
            self._drop()
        super()._start(data, size, sha)


class SizeOfThePatchAlone(SealedPatching):
    """At its end a patch is answered, and told, without prefix and tags."""

    def _end(self):
        return Patching._end(self)


STREAMS = {
    TagsIgnored: sealed.test_no_byte_of_prefix_first_block_or_tag_can_be_changed,
    FirstTagOnly: sealed.test_a_change_of_a_later_block_ends_it_and_frees_the_slot,
    PrefixNotBound: sealed.test_no_byte_of_prefix_first_block_or_tag_can_be_changed,
    AnyBlockAtAnyPlace: sealed.test_blocks_stay_in_their_places_and_in_their_patch,
    FromTheStart: resume.test_after_a_reset_it_goes_on_at_the_block_of_the_segment_and_writes_nothing_twice,
}
MUTANTS = {
    BaseKeyNotAsked: sealed.test_nobody_makes_a_patch_that_copies_from_an_image_he_cannot_read,
    OrdinaryPatches: sealed.test_an_ordinary_patch_of_an_encrypted_image_is_refused,
    InTheClear: sealed.test_a_change_of_a_later_block_ends_it_and_frees_the_slot,
    NothingFreed: sealed.test_a_change_of_a_later_block_ends_it_and_frees_the_slot,
    NothingForgotten: resume.test_what_is_forgotten_does_not_go_on,
    SpanNotLookedAt: sealed.test_an_image_of_which_more_is_payload_than_there_is,
    WhereverItIs: sealed.test_where_no_encrypted_image_can_be_it_is_refused_at_once,
    SlotNotAsked: sealed.test_a_slot_that_is_wanted_is_refused,
    LinkForgotten: resume.test_after_a_lost_link_not_a_byte_is_sent_again,
    SizeOfThePatchAlone: sealed.test_chunks_of_any_size,
}


def fails(test):
    with pytest.raises((AssertionError, ValueError, OSError)):
        test()


@pytest.mark.parametrize("mutant", STREAMS, ids=lambda kind: kind.__name__)
def test_without_it_in_the_stream_a_test_fails(mutant, monkeypatch):
    monkeypatch.setattr(sealed_patching, "SealedStream", mutant)
    fails(STREAMS[mutant])


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda kind: kind.__name__)
def test_without_it_a_test_fails(mutant, monkeypatch):
    monkeypatch.setattr(rig_patches, "SealedPatching", mutant)
    monkeypatch.setattr(sealed, "SealedPatching", mutant)
    fails(MUTANTS[mutant])
