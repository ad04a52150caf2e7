"""What an upload that goes on after a reset answers, and when it begins anew."""

import hashlib
import struct

from cuts import CUTS, LAST, STEP
from nor import PowerCut
from ophion_boot.core.area import Area
from ophion_boot.core.progress import Progress
from ophion_boot.core.receive import Upload
from ophion_boot.core.trust import Proof
from ophion_boot.fmt.cbor import decode_map
from ophion_boot.fmt.claims import Claims
from rig_uploads import BUF, KINDS, Client, UploadDevice
from support import SECTOR, Cells, image, sealed, without_heap
from test_uploads import erased_runs, image_for, plain

LIMIT = 7 * SECTOR


def first(device, data, **more):
    """Send the first chunk of `data` as a new attempt; the answer."""
    args = {"size": len(data), "sha": hashlib.sha256(data).digest(), "count": 700}
    args.update(more)
    return dict(device.upload.chunk(0, data[: args["count"]], args["size"], args["sha"]))


def send(device, data, upto, step=700):
    """Upload `data` up to about `upto` bytes; the last answer."""
    answer = first(device, data, count=step)
    while answer["off"] < upto:
        at = answer["off"]
        answer = dict(device.upload.chunk(at, data[at : at + step]))
    return answer


def test_after_a_reset_the_first_chunk_is_answered_with_the_stored_offset():
    for kind in KINDS:
        device = UploadDevice(kind)
        data = image_for(kind)
        assert send(device, data, 5000, 1500) == {"off": 6000}
        device.boot()
        assert first(device, data) == {"off": 6000}, kind
        assert first(device, data) == {"off": 6000}, "asked twice"
        assert Client(device, data).finish() == {"off": len(data), "match": True}
        assert device.staged(len(data)) == data


def test_what_was_not_kept_yet_is_less_than_1024_bytes():
    device, data = UploadDevice(), image("six")
    for upto, kept in ((700, 0), (1400, 1400), (2100, 1400), (2800, 2800)):
        device = UploadDevice()
        send(device, data, upto)
        device.boot()
        assert first(device, data) == {"off": kept or 700}, "nothing kept: the first chunk is taken"


def test_another_or_a_changed_file_begins_anew():
    data, other = image("six"), image("four")
    changed = bytearray(data)
    changed[300] ^= 1
    for fresh, more in (
        (other, {}),
        (bytes(changed), {}),
        (data, {"sha": bytes(32)}),
        (data, {"sha": b""}),
        (data, {"size": len(data) + 1}),
        # The same length and hash, and yet other bytes: flash is looked at, too.
        (bytes(changed), {"sha": hashlib.sha256(data).digest()}),
    ):
        device = UploadDevice()
        send(device, data, 6000)
        device.boot()
        assert first(device, fresh, **more) == {"off": 700}, more
        assert device.cells.mark() == 0
        device.boot()
        assert first(device, data) == {"off": 700}, "what was there before is forgotten"


def test_a_file_without_a_hash_does_not_go_on():
    device, data = UploadDevice(), image("six")
    for at in range(0, 7000, 700):
        device.upload.chunk(at, data[at : at + 700], len(data) if at == 0 else None)
    device.boot()
    assert device.upload.chunk(0, data[:700], len(data)) == {"off": 700}


def test_an_upload_of_the_other_image_number_takes_its_place():
    device = UploadDevice("runtime")
    app, runtime = image("four"), image("rt3")
    send(device, runtime, 5000)
    other = Upload(device.rig.strategy, bytearray(SECTOR), None, 0, Progress(device.cells, None))
    other.chunk(0, app[:2000], len(app), hashlib.sha256(app).digest())
    # The first one still goes on in RAM, and its marks are not taken for the other's.
    assert device.upload.chunk(5600, runtime[5600:7600]) == {"off": 7600}
    device.boot()
    assert first(device, runtime) == {"off": 700}


def test_erased_or_flashed_slots_and_lost_cells_begin_anew():
    data = image("six")
    for spoil in (
        lambda device: device.rig.strategy.discard(),
        lambda device: device.rig.put_staged(image("four")),
        lambda device: device.flash.writeblocks(40, b"\xff" * (2 * SECTOR)),
        lambda device: device.flash.writeblocks(40, b"garbage!" * (SECTOR // 4)),
    ):
        device = UploadDevice()
        send(device, data, 6000)
        spoil(device)
        device.boot()
        assert first(device, data) == {"off": 700}
        assert Client(device, data).finish()["match"] is True


def test_the_erase_command_forgets_first():
    device, data = UploadDevice(), image("six")
    send(device, data, 6000)
    operations = []
    device.flash.on_op = lambda kind, at, length: operations.append((kind, at >= 40 * SECTOR))
    device.upload.forget()
    assert operations == [("program", True)] and device.upload.open() is False
    device.boot()
    assert first(device, data) == {"off": 700}


def test_what_the_first_chunk_shows_is_checked_when_an_upload_goes_on_too():
    counter = struct.pack("<I", 7)
    early = struct.pack("<HHHHI", 0x690A, 12, 0x50, 4, 6)
    head = struct.pack("<IIHHIIBBHII", 0x96F3B83D, 0, 64, 0, 9000, 0, 1, 0, 0, 0, 0)
    data = (head + early + b"\xff" * 20)[:64] + bytes(9000) + struct.pack("<HH", 0x6907, 4)
    device = UploadDevice()
    send(device, data, 6000)
    for reset in (False, True):
        if reset:
            device.boot()
        trust = device.rig.verifier.trust
        trust.settle(Proof(b"", [], b""), Claims([(0x50, counter)]), bytes(32), 0)
        try:
            first(device, data)
            raise AssertionError("an older image goes on")
        except ValueError as e:
            assert str(e) == "security counter 6 is below 7" and e.rc == 27
    device = UploadDevice()
    device.rig.stage(image("two"))
    try:
        first(device, data)
        raise AssertionError("the slot is wanted")
    except ValueError as e:
        assert "pending" in str(e)


def test_a_complete_upload_is_told_as_that_when_it_is_sent_again():
    for kind in KINDS:
        device = UploadDevice(kind)
        data = image_for(kind)
        done = {"off": len(data), "match": True}
        assert send(device, data, len(data)) == done
        # The last answer was lost: the same chunk again, then a new connection, then a reset.
        assert device.upload.chunk(len(data) - 100, data[-100:]) == done
        assert device.upload.open() is False
        operations = device.flash.ops
        assert first(device, data) == done
        device.boot()
        assert first(device, data) == done, kind
        assert device.flash.ops == operations, "nothing is written for it"


def test_match_is_computed_from_flash():
    data = image("six")
    for spoil_at in (9000, len(data) - 1):
        device = UploadDevice()
        send(device, data, len(data))
        damaged = bytearray(data)
        damaged[spoil_at] ^= 4
        device.rig.put_staged(bytes(damaged))
        assert first(device, data) == {"off": 700}, "what is there now is not the file"
        device = UploadDevice()
        send(device, data, 21000)
        device.rig.put_staged(bytes(damaged[:21700]) + b"\xff" * (len(data) - 21700))
        wrong = {"off": len(data), "match": spoil_at > 21700}
        assert send(device, data, len(data)) == wrong
        if spoil_at < 21000:
            assert first(device, data) == {"off": 700}, "and then from the start"


def test_cells_that_fail_stop_no_upload():
    class Broken(Cells):
        def store(self, name, data):
            raise OSError(5)

        def mark(self, value=None):
            if value is None:
                return 0
            raise OSError(5)

    class Full(Cells):
        asked = 0

        def store(self, name, data):
            if not self.asked:
                raise ValueError("cells of 4097 bytes do not fit in 4096")
            Cells.store(self, name, data)

    data = image("six")
    for cells, goes_on in ((Broken(), False), (Full(), True)):

        def make_room(cells=cells):
            cells.asked = 1

        device = UploadDevice()
        for end in (6000, len(data)):
            progress = Progress(cells, make_room)
            device.upload = Upload(device.rig.strategy, bytearray(SECTOR), None, 0, progress)
            answer = first(device, data)
            assert answer == {"off": 5600 if goes_on and end > 6000 else 700}
            answer = send(device, data, end)
        assert answer["match"] is True


def test_a_flash_that_fails_begins_anew():
    device, data = UploadDevice(), image("six")
    send(device, data, 6000)
    program = device.flash.writeblocks

    def fail(n, buf, off=None):
        if n < 40:
            raise OSError(5)
        program(n, buf, off)

    device.flash.writeblocks = fail
    try:
        device.upload.chunk(6300, data[6300:7000])
        raise AssertionError("the flash did not fail")
    except OSError:
        pass
    device.flash.writeblocks = program
    device.boot()
    assert first(device, data) == {"off": 700}


def test_the_padding_of_a_file_is_ignored():
    """`imgtool sign --pad` fills the file to the slot's size, and a trailer at its end asks for the swap."""
    padded = image("two") + b"\xff" * (9 * SECTOR - len(image("two")) - 16) + bytes(range(16))
    for write_size in (4, 32):
        for step in (700, 2400):
            device = UploadDevice("swap_offset", write_size)
            answer = send(device, padded, len(padded), step)
            assert answer == {"off": len(padded)}, "all of it is there, long before all of it was sent"
            assert device.staged(len(image("two"))) == image("two")
            assert not device.rig.strategy.facts().pending
            images = device.session.handle(b"\x08\0\0\0\0\1\1\0")
            assert b"2.0.0" in images
            device.rig.strategy.set_pending(False)
            device.boot()
            assert device.booted.image.version == "2.0.0"


def test_padding_does_not_hide_an_image_that_is_too_large():
    for tlvs in (struct.pack("<HH", 0x6907, 4000), struct.pack("<HH", 0x6907, 4), b"\xff" * 4):
        device = UploadDevice(checks=False)
        head = struct.pack("<IIHHIIBBHII", 0x96F3B83D, 0, 32, 0, LIMIT - 36, 0, 1, 0, 0, 0, 0)
        data = head + bytes(LIMIT - 36) + tlvs + b"\xff" * 9000
        try:
            answer = send(device, data, len(data), 2400)
            assert tlvs[2:] == b"\4\0" and answer == {"off": len(data)}
        except ValueError as e:
            assert e.rc == (22 if tlvs[0] == 0xFF else 30) and tlvs[2:] != b"\4\0", e
            assert device.upload.open() is False


def test_sectors_can_be_made_ready_ahead():
    device, data = UploadDevice(), image("six")
    device.rig.put_staged(b"\0" * (6 * SECTOR))
    assert not device.upload.ahead(), "no upload is open"
    first(device, data)
    erased = device.flash.erases
    ready = 0
    while device.upload.ahead():
        ready += 1
    assert (ready, device.flash.erases - erased) == (5, 5), "not beyond the image"
    assert send(device, data, len(data))["match"] is True
    assert device.flash.erases - erased == 5, "no sector twice"
    assert not device.upload.ahead()


def test_a_sector_that_cannot_be_erased_ahead_is_no_error_yet():
    device = UploadDevice()
    device.rig.put_staged(b"\0" * (6 * SECTOR))
    first(device, image("six"))
    device.flash.faults.append((0, device.flash.size, "fail"))
    assert device.upload.ahead() is True and device.upload.ahead() is False, "tried once"


def test_what_is_wiped_is_forgotten_and_erased_ahead():
    device, data = UploadDevice(), image("six")
    send(device, data, 6000)
    device.upload.wipe()
    while device.upload.ahead():
        pass
    assert device.staged(LIMIT) == b"\xff" * LIMIT
    device.boot()
    assert first(device, data) == {"off": 700}


class Ram:
    """A flash that allocates nothing."""

    def __init__(self, size):
        self.data = bytearray(b"\xff" * size)

    def readblocks(self, n, buf, off=0):
        at = n * SECTOR + off
        for i in range(len(buf)):
            buf[i] = self.data[at + i]

    def writeblocks(self, n, buf, off):
        at = n * SECTOR + off
        self.data[at : at + len(buf)] = buf

    def ioctl(self, op, arg):
        pass


class Staging:
    """As much of a strategy as an upload needs."""

    name = "ram"
    takes_encrypted = False
    max_image_size = 64 * SECTOR

    def __init__(self, flash):
        self._area = Area(flash, 0, self.max_image_size)

    def staged(self):
        return self._area

    def check_upload(self):
        pass

    discard = check_upload


def test_chunks_in_the_middle_allocate_nothing():
    for step in (2449, 2400, 128, 491):
        flash = Ram(66 * SECTOR)
        data = plain(bytes(i * 7 & 255 for i in range(60000)))
        from ophion_boot.port.flash_cells import FlashCells

        cells = FlashCells(Area(flash, 64 * SECTOR, 2 * SECTOR))
        upload = Upload(Staging(flash), bytearray(SECTOR), None, 0, Progress(cells, None))
        answer = upload.chunk(0, data[:2390], len(data), hashlib.sha256(data).digest())
        pieces = []
        at = 2390
        while at < len(data) - step:
            pieces.append((at, memoryview(data)[at : at + step]))
            at += step
        for at, piece in pieces[:5]:
            upload.chunk(at, piece)

        def middle(upload=upload, pieces=pieces[5:20]):
            for at, piece in pieces:
                upload.chunk(at, piece)

        without_heap(middle)
        end = pieces[:20][-1][0] + step
        assert upload.chunk(1, b"x") == {"off": end} and answer["off"] == end
        assert bytes(flash.data[:end]) == data[:end]


def cut_once(kind, write_size, data, op, shape, seed):
    """Upload with a cut at operation `op`; True when it was reached."""
    device = UploadDevice(kind, write_size, checks=kind != "ff")
    client = Client(device, data, 1700)
    device.flash.arm_cut(op, shape, seed)
    try:
        client.finish()
        device.flash.disarm()
        reached = False
    except PowerCut:
        reached = True
        device.boot_through_cuts()
        # A second one on the way on.
        device.flash.arm_cut(1 + (op + seed) % 5, "torn", seed + op)
        try:
            assert client.finish()["match"] is True
        except PowerCut:
            device.boot_through_cuts()
            assert client.finish()["match"] is True
        device.flash.disarm()
    assert device.staged(len(data)) == data, (kind, write_size, op, shape, seed)
    bound = len(data) if kind == "runtime" and write_size >= 16 else BUF + SECTOR * (write_size >= 16)
    assert client.most <= bound, (kind, write_size, op, shape, seed, client.most)
    return reached, device


def test_power_fails_at_every_operation_of_an_upload_and_again_while_it_goes_on():
    """Every road of an image into flash, small and large units; what was sent is what is there in the end."""
    total = 0
    for kind, write_size in [(kind, 4) for kind in KINDS] + [("swap_offset", 16), ("runtime", 32), ("ab", 1)]:
        data = {"sealed": sealed("two"), "runtime": image("rt3")}.get(kind) or image("two")
        op, reached = 1, True
        while reached:
            for shape, seed in LAST if op % 7 == 0 else CUTS:
                reached, device = cut_once(kind, write_size, data, op, shape, seed)
                total += reached
            op += STEP
        if kind != "runtime":
            device.target.set_pending(False)
            device.boot()
            assert device.booted.image.version == "2.0.0", kind
    assert total > 500 // STEP, total


def test_a_part_of_an_image_is_not_listed_before_the_rest_of_an_old_one():
    """Sectors are erased as the data reaches them: the TLVs of the image before may still lie behind."""
    for kind in ("swap_offset", "golden", "ab"):
        device = UploadDevice(kind)

        def versions(device=device):
            images = decode_map(device.session.handle(b"\x08\0\0\0\0\1\1\0")[8:])["images"]
            return [entry["version"] for entry in images]

        old = image("six")
        assert send(device, old, len(old))["match"] is True
        assert versions() == ["1.0.0", "6.0.0"]
        new = old[:20] + b"\x09" + old[21:]
        send(device, new, 9000)
        for _ in range(2):
            assert device.upload.open() and versions() == ["1.0.0"], kind
            device.boot()
        assert send(device, new, len(new))["match"] is True
        assert not device.upload.open() and versions() == ["1.0.0", "9.0.0"]


def test_erased_runs_are_no_riddle():
    """The progress is counted, not read from flash: bytes ff that were sent look like none."""
    data = erased_runs(5, 20000)
    for upto in range(1500, 20000, 1500):
        device = UploadDevice(checks=False)
        reached = send(device, data, upto)["off"]
        device.boot()
        assert first(device, data)["off"] > reached - 1024
