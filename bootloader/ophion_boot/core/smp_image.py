"""SMP group 1, image management: what the slots hold, which image runs next, uploads, erase."""

from ophion_boot.compat import const
from ophion_boot.core.area import Area, AreaError
from ophion_boot.core.receive import Upload, UploadError
from ophion_boot.core.smp_session import SmpError, argument, not_supported
from ophion_boot.core.strategy import StrategyError
from ophion_boot.core.verify import Verifier, VerifyError
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
_INVALID_HEADER = const(22)
_INVALID_HASH = const(24)
_TOO_OLD = const(27)
_ALREADY_PENDING = const(28)
_TEST_ACTIVE = const(33)
_V1 = {3: 5, 8: 5, 9: 6, 14: 3, 15: 2, 20: 3, 21: 3, 22: 3, 23: 3, 24: 3, 27: 6, 28: 6, 30: 3, 31: 3, 33: 6}
# A client of a one-image device may name its only image 0, or 1 for "the second slot" (smpmgr --slot 1).
_ALIAS = const(1)
_BYTES = (bytes, bytearray, memoryview)
_SHA_BYTES = const(32)


def refusal(rc: int, reason: str) -> SmpError:
    """The SmpError of this group for `rc`."""
    return SmpError(rc, reason, GROUP, _V1.get(rc, 1))


class Component:
    """One image number: its `strategy` (or Runtime) and its `upload`.

    `running` is False for an application in recovery, `waits` True for one that the next boot runs all the
    same. `version` is what runs, where its slot does not say so.
    """

    def __init__(  # type: ignore[no-untyped-def]
        self,
        strategy,
        upload: Upload,
        running: bool,
        version: str = "",
        waits: bool = False,
    ) -> None:
        self.strategy = strategy
        self.upload = upload
        self.running = running
        self.waits = waits and not running
        self.version = version


class ImageGroup:
    """`components` by image number; `confirm(reason)` lets everything that runs stay.

    `uploads` counts those that are complete. `uploaded` is the component of the last of them, as long as
    nobody asked for anything else.
    """

    def __init__(self, components: list[Component], verifier: Verifier, confirm) -> None:  # type: ignore[no-untyped-def]
        self.components = components
        self._verifier = verifier
        self._confirm = confirm
        self._sending = components[0]
        self.uploads = 0
        self.uploaded: Component | None = None

    def handle(self, request: Request, args: dict) -> dict | None:
        """Answer one request of this group; raises SmpError. None: once more, see `take`."""
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

    def idle(self) -> bool:
        """Erase a sector ahead; False when there is nothing to do."""
        for component in self.components:  # noqa: SIM110  any() would allocate, at every poll
            if component.upload.ahead():
                return True
        return False

    def try_uploaded(self) -> None:
        """Ask for a trial of the image that was uploaded last; raises SmpError when it is refused."""
        component, self.uploaded = self.uploaded, None
        if component is not None:
            self._request(component, 1, False)

    def state(self) -> dict:
        """The image list: flags say what the next boot does (Zephyr img_mgmt_state.c)."""
        images = []
        for number in range(len(self.components)):
            for entry in self._slots(self.components[number]):
                if len(self.components) > 1:
                    entry["image"] = number
                images.append(entry)
        return {"images": images, "splitStatus": 0}

    def _slots(self, component: Component) -> list[dict]:
        """The entries of one component: what runs, and the other image unless it is just being sent."""
        strategy = component.strategy
        facts = strategy.facts()
        action, _ = strategy.decide()
        on_trial = facts.on_trial
        entries = []
        active = self._describe(strategy, strategy.active(), 0)
        if active is None and component.version:
            # A runtime that was flashed over a cable carries no header: its version is all there is to say.
            active = _entry(0, component.version)
        if active:
            waits = component.waits and not facts.pending
            active.update(active=component.running, confirmed=not on_trial, pending=waits)
            entries.append(active)
        if not component.upload.open():
            other = self._describe(strategy, strategy.other(), 1)
            if other:
                way_back = strategy.other_goes_back and (on_trial or action == REVERT)
                other.update(pending=facts.pending, permanent=action == PERM, confirmed=way_back)
                entries.append(other)
        return entries

    def _describe(self, strategy, area: Area, slot: int) -> dict | None:  # type: ignore[no-untyped-def]
        try:
            header, _, _, entries, tlvs = self._verifier.read_layout(area, strategy.max_image_size)
            digest = bytes(signature_tlvs(entries, tlvs)[0])
        except (VerifyError, FormatError, AreaError, OSError):
            return None
        entry = _entry(slot, header.version_text())
        entry["hash"] = digest
        return entry

    def _set_state(self, args: dict) -> dict:
        self.uploaded = None
        confirm = argument(args, "confirm", bool, False)
        wanted = argument(args, "hash", (bytes, bytearray, memoryview))
        if wanted is None:
            if not confirm:
                raise refusal(_INVALID_HASH, "a test needs the hash of an image")
            self._confirm_running()
            return self.state()
        for component in self.components:
            found = [entry["slot"] for entry in self._slots(component) if entry.get("hash") == bytes(wanted)]
            if found:
                # In recovery the same image may lie in both: the one that was just sent repairs the other.
                self._request(component, found[0 if component.running else -1], confirm)
                return self.state()
        raise refusal(_HASH_NOT_FOUND, "no image has that hash")

    def _request(self, component: Component, slot: int, confirm: bool) -> None:
        strategy = component.strategy
        if slot == 0:
            self._request_active(component, confirm)
            return
        self._check(component, strategy.other())
        for other in self.components:
            if other is not component and other.strategy.on_trial():
                raise refusal(_ALREADY_PENDING, "an image is on trial: confirm it first")
        try:
            strategy.set_pending(confirm)
        except StrategyError as e:
            raise refusal(_ALREADY_PENDING, str(e))
        component.upload.close()

    def _request_active(self, component: Component, confirm: bool) -> None:
        """The image in slot 0 is asked for: it runs, or, in recovery, it is what the next boot runs."""
        if component.running and not confirm:
            raise refusal(_TEST_ACTIVE, "the image runs already")
        if not component.running:
            if component.strategy.facts().pending:
                raise refusal(_ALREADY_PENDING, "another image is pending: erase it first")
            self._check(component, component.strategy.active())
            component.waits = True
        if confirm:
            self._confirm("by the host")

    def _check(self, component: Component, area: Area) -> None:
        """Refuse what does not verify in `area`."""
        number = self.components.index(component)
        try:
            self._verifier.verify(area, component.strategy.max_image_size, number)
        except VerifyError as e:
            raise refusal(_TOO_OLD if e.old else _INVALID_HASH, str(e))
        except AreaError as e:
            raise refusal(_INVALID_HASH, str(e))

    def _confirm_running(self) -> None:
        if not self.components[0].running:
            raise refusal(_HASH_NOT_FOUND, "no image runs: this is recovery")
        self._confirm("by the host")

    def _take_chunk(self, args: dict) -> dict | None:
        offset = argument(args, "off", int, required=True)
        if "image" in args or offset == 0:
            self._sending = self._component(argument(args, "image", int, 0))
        # Clients name the image in the first chunk only (SMP image upload).
        self.uploaded = None
        data = argument(args, "data", _BYTES, b"")
        sha = argument(args, "sha", _BYTES, b"")
        if len(sha) not in (0, _SHA_BYTES):
            raise refusal(_INVALID_HASH, "sha is %d bytes, not 32" % len(sha))
        return self._put(offset, data, argument(args, "len", int), sha)

    def take(self, offset: int, data: bytes | memoryview) -> dict | None:
        """Answer a chunk that is not the first one and says nothing else; what it raises is for `refused`.

        None: there is more to do, and the same chunk is to be taken once more.
        """
        upload = self._sending.upload
        answer = upload.more(offset, data)
        if upload.done:
            self._complete(answer)
        return answer

    def refused(self, error: Exception) -> Exception:
        """What to answer to an error of `take`."""
        if isinstance(error, UploadError):
            return refusal(error.rc, str(error))
        self._sending.upload.forget()
        return refusal(_INVALID_HEADER, str(error)) if isinstance(error, AreaError) else error

    def _complete(self, answer: dict) -> None:
        if answer.get("match", True):
            self.uploads += 1
            self.uploaded = self._sending

    def _put(
        self, offset: int, data: bytes | memoryview, size: int | None, sha: bytes | memoryview
    ) -> dict | None:
        upload = self._sending.upload
        try:
            answer = upload.chunk(offset, data, size, sha)
        except (UploadError, AreaError) as e:
            raise self.refused(e)
        except StrategyError as e:
            raise refusal(_NO_FREE_SLOT, str(e))
        if upload.done:
            self._complete(answer)
        return answer

    def _erase(self, args: dict) -> dict:
        slot = argument(args, "slot", int, 1)
        # Slots are counted through all images: 0 and 1 are image 0's, 2 and 3 image 1's.
        if slot % 2 == 0 or slot // 2 >= len(self.components):
            raise refusal(_INVALID_SLOT, "slot %d is not a free one" % slot)
        component = self.components[slot // 2]
        if component.strategy.facts().on_trial:
            raise refusal(_NO_FREE_SLOT, "the running image is on trial: the other slot holds the way back")
        if slot == 1 and component.strategy.interrupted():
            raise refusal(_NO_FREE_SLOT, "a swap is half done: the next boot finishes it")
        self.uploaded = None
        component.upload.forget()
        component.strategy.discard()
        component.upload.wipe()
        return {}

    def _slot_info(self) -> dict:
        images = []
        for number in range(len(self.components)):
            size = self.components[number].strategy.max_image_size
            slots = [{"slot": 0, "size": size}, {"slot": 1, "size": size, "upload_image_id": number}]
            images.append({"image": number, "slots": slots, "max_image_size": size})
        return {"images": images}

    def _component(self, number: int) -> Component:
        if number == _ALIAS and len(self.components) == 1:
            number = 0
        if number >= len(self.components):
            raise refusal(_INVALID_SLOT, "image %d is not on this device" % number)
        return self.components[number]


def _entry(slot: int, version: str) -> dict:
    return {
        "slot": slot,
        "version": version,
        "bootable": True,
        "pending": False,
        "confirmed": False,
        "active": False,
        "permanent": False,
    }
