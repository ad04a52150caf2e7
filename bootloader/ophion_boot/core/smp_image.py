"""SMP group 1, image management: what the slots hold, which image runs next, uploads, erase."""

from ophion_boot.compat import const
from ophion_boot.core.area import Area
from ophion_boot.core.eventlog import EventLog
from ophion_boot.core.receive import Upload, UploadError
from ophion_boot.core.smp_session import SmpError, argument, not_supported
from ophion_boot.core.strategy import StrategyError
from ophion_boot.core.verify import Image, Verifier, VerifyError
from ophion_boot.fmt import FormatError
from ophion_boot.fmt.image import signature_tlvs
from ophion_boot.fmt.smp import Request
from ophion_boot.fmt.trailer import PERM, REVERT

GROUP = 1
_STATE = const(0)
_UPLOAD = const(1)
_ERASE = const(5)
_SLOT_INFO = const(6)

# Codes of the image group (Zephyr img_mgmt.h) and what version 1 clients get for them.
_HASH_NOT_FOUND = const(8)
_NO_FREE_SLOT = const(9)
_INVALID_SLOT = const(14)
_INVALID_HASH = const(24)
_TOO_OLD = const(27)
_ALREADY_PENDING = const(28)
_TEST_ACTIVE = const(33)
_V1 = {8: 5, 9: 6, 14: 3, 20: 3, 21: 3, 22: 3, 23: 3, 24: 3, 27: 6, 28: 6, 30: 3, 31: 3, 33: 6}
# A client of a one-image device may name its only image 0, or 1 for "the second slot" (smpmgr --slot 1).
_IMAGES_MAX = const(1)


def refusal(rc: int, reason: str) -> SmpError:
    """The SmpError of this group for `rc`."""
    return SmpError(rc, reason, GROUP, _V1.get(rc, 1))


class ImageGroup:
    """`running` is the verified Image that runs, or None in recovery."""

    def __init__(  # type: ignore[no-untyped-def]
        self, strategy, verifier: Verifier, upload: Upload, log: EventLog, running: Image | None
    ) -> None:
        self._strategy = strategy
        self._verifier = verifier
        self._upload = upload
        self._log = log
        self._running = running

    def handle(self, request: Request, args: dict) -> dict:
        """Answer one request of this group; raises SmpError."""
        command = request.command
        if command == _STATE:
            return self._set_state(args) if request.write else self.state()
        if command == _UPLOAD and request.write:
            return self._take_chunk(args)
        if command == _ERASE and request.write:
            return self._erase(args)
        if command == _SLOT_INFO and not request.write:
            return self._slot_info()
        raise not_supported(request)

    def state(self) -> dict:
        """The image list: flags say what the next boot does (Zephyr img_mgmt_state.c)."""
        facts = self._strategy.facts()
        action, _ = self._strategy.decide()
        on_trial = facts.on_trial
        images = []
        active = self._describe(self._strategy.active(), 0)
        if active:
            active.update(active=self._running is not None, confirmed=not on_trial)
            images.append(active)
        if not self._upload.open():
            other = self._describe(self._strategy.other(), 1)
            if other:
                way_back = self._strategy.other_goes_back and (on_trial or action == REVERT)
                other.update(pending=facts.pending, permanent=action == PERM, confirmed=way_back)
                images.append(other)
        return {"images": images, "splitStatus": 0}

    def _describe(self, area: Area, slot: int) -> dict | None:
        try:
            header, _, _, entries, tlvs = self._verifier.read_layout(area, self._strategy.max_image_size)
            digest = bytes(signature_tlvs(entries, tlvs)[0])
        except (VerifyError, FormatError, OSError):
            return None
        return {
            "slot": slot,
            "version": header.version_text(),
            "hash": digest,
            "bootable": True,
            "pending": False,
            "confirmed": False,
            "active": False,
            "permanent": False,
        }

    def _set_state(self, args: dict) -> dict:
        confirm = argument(args, "confirm", bool, False)
        wanted = argument(args, "hash", (bytes, bytearray, memoryview))
        images = self.state()["images"]
        if wanted is None:
            if not confirm:
                raise refusal(_INVALID_HASH, "a test needs the hash of an image")
            self._confirm_running()
            return self.state()
        for image in images:
            if image["hash"] == bytes(wanted):
                self._request(image, confirm)
                return self.state()
        raise refusal(_HASH_NOT_FOUND, "no image has that hash")

    def _request(self, image: dict, confirm: bool) -> None:
        if image["slot"] == 0:
            if not confirm:
                raise refusal(_TEST_ACTIVE, "the image runs already")
            self._confirm_running()
            return
        try:
            self._verifier.verify(self._strategy.other(), self._strategy.max_image_size)
        except VerifyError as e:
            raise refusal(_TOO_OLD if e.old else _INVALID_HASH, str(e))
        try:
            self._strategy.set_pending(confirm)
        except StrategyError as e:
            raise refusal(_ALREADY_PENDING, str(e))
        self._upload.close()

    def _confirm_running(self) -> None:
        if self._running is None:
            raise refusal(_HASH_NOT_FOUND, "no image runs: this is recovery")
        if self._strategy.confirm():
            self._log.add("confirmed", self._running.version, "by the host")
            self._verifier.confirmed(self._running)

    def _take_chunk(self, args: dict) -> dict:
        self._check_image_number(args)
        try:
            return self._upload.chunk(
                argument(args, "off", int, required=True),
                argument(args, "data", (bytes, bytearray, memoryview), b""),
                argument(args, "len", int),
                argument(args, "sha", (bytes, bytearray, memoryview), b""),
            )
        except UploadError as e:
            raise refusal(e.rc, str(e))
        except StrategyError as e:
            raise refusal(_NO_FREE_SLOT, str(e))

    def _erase(self, args: dict) -> dict:
        slot = argument(args, "slot", int, 1)
        if slot != 1:
            raise refusal(_INVALID_SLOT, "slot %d is not the free one" % slot)
        if self._strategy.facts().on_trial:
            raise refusal(_NO_FREE_SLOT, "the running image is on trial: the other slot holds the way back")
        self._upload.close()
        self._strategy.discard()
        return {}

    def _slot_info(self) -> dict:
        size = self._strategy.max_image_size
        slots = [{"slot": 0, "size": size}, {"slot": 1, "size": size, "upload_image_id": 0}]
        return {"images": [{"image": 0, "slots": slots, "max_image_size": size}]}

    def _check_image_number(self, args: dict) -> None:
        number = argument(args, "image", int, 0)
        if number > _IMAGES_MAX:
            raise refusal(_INVALID_SLOT, "image %d is not on this device" % number)
