"""How uploads of sealed patches end, and what must not lie in flash."""

from ophion_boot.fmt.sealed import FIXED_BYTES
from rig_patches import finished
from support import clear
from test_patch_uploads import refused


def blocks_of(data):
    """The 16 byte blocks of an encrypted image's payload in the clear."""
    size = int.from_bytes(data[12:16], "little")
    return {data[at : at + 16] for at in range(32, 32 + size, 16)}


_HIDDEN = blocks_of(clear("d1")) | blocks_of(clear("d4"))


def check_hidden(device):
    """Nothing of either image lies in the clear where updates go."""
    size = device.target.staged().size
    data = device.staged(size)
    assert not {data[at : at + 16] for at in range(0, size, 16)} & _HIDDEN


def answer_to(device, data, step=0):
    """How the upload of a whole patch ends: an answer, or (rc, reason)."""
    at = 0
    step = step or len(data)
    answer = finished(device.upload.chunk, 0, data[: max(step, FIXED_BYTES)], len(data), bytes(32))
    while answer["off"] < len(data):
        at = answer["off"]
        answer = finished(device.upload.chunk, at, data[at : at + step])
        assert answer["off"] != at, "it goes on for ever"
    return answer


def refusal(device, data, step=0):
    """(rc, reason) of a patch that is refused."""
    return refused(answer_to, device, data, step)


def untouched(device, before):
    """Nothing was written since `before`, and the good patch is taken all the same."""
    assert device.flash.ops == before, "something was written"
    assert device.send()["match"] is True and device.staged(len(device.new)) == device.new
