"""Every vector of tests/vectors/bad is refused for the one reason that bad.json names."""

import json

from ophion_boot.core.area import Area
from ophion_boot.core.roots import TrustError
from ophion_boot.core.secret import Secret
from ophion_boot.core.trust import Trust
from ophion_boot.core.trust_rules import Device
from ophion_boot.core.verify import Verifier, VerifyError
from ophion_boot.fmt.statement import parse_chain
from support import ROOT, SECTOR, Cells, aes, ram_flash, secret_keys

BAD = ROOT + "/tests/vectors/bad/"
HARDWARE, RUNTIME = "sim", (1, 27, 0)


def content(name):
    with open(BAD + name, "rb") as f:
        return f.read()


def vectors():
    with open(BAD + "bad.json") as f:
        return json.load(f)


def frozen_roots():
    """The root set of the vectors, as a layout holds it."""
    first = parse_chain(content("roots.chain"))[0]
    return {"version": first.version, "threshold": first.threshold, "keys": first.keys}


def image_area(data):
    sectors = -(-len(data) // SECTOR)
    area = Area(ram_flash(sectors, content=data), 0, sectors * SECTOR)
    area.sealed = True
    return area


class DeviceUnderTest:
    """A device of the vectors; `ask` is what it says to a file: None, or the error."""

    def __init__(self, after=()):
        self.cells = Cells()
        trust = Trust([], frozen_roots(), self.cells, Device(HARDWARE, RUNTIME))
        self.verifier = Verifier(trust, bytearray(SECTOR), Secret(secret_keys()[:1], aes))
        for name in after:
            assert self.ask(name) is None, name
            if name.endswith(".bin"):
                assert self.verifier.confirmed(self.image) == ""

    def ask(self, name):
        data = content(name)
        try:
            if name.endswith(".chain"):
                self.verifier.trust.deliver(data)
            else:
                self.image = self.verifier.verify(image_area(data), SECTOR)
        except (VerifyError, TrustError) as e:
            return e
        return None


def test_every_bad_vector_is_refused_for_its_reason():
    refused = 0
    for name, entry in vectors().items():
        device = DeviceUnderTest(entry["after"])
        error = device.ask(name)
        if not entry["reason"]:
            assert error is None, (name, error)
            continue
        assert error is not None and entry["reason"] in str(error), (name, str(error))
        assert error.old == entry["old"], name
        refused += 1
    assert refused >= 80


def test_what_was_taken_before_is_the_only_obstacle():
    # Without it the same file is good, or bad for the same reason only when there is nothing before.
    seen = 0
    for name, entry in vectors().items():
        if entry["after"]:
            assert DeviceUnderTest().ask(name) is None, name
            seen += 1
    assert seen >= 10


def test_a_refused_statement_changes_nothing():
    seen = 0
    for name, entry in vectors().items():
        if name.endswith(".chain") and entry["reason"]:
            device = DeviceUnderTest(entry["after"])
            before = (dict(device.cells.values), device.verifier.trust.state())
            assert device.ask(name) is not None
            assert (device.cells.values, device.verifier.trust.state()) == before, name
            seen += 1
    assert seen >= 6


def test_what_can_be_seen_in_the_tlvs_is_refused_without_the_payload():
    # A preview reads header and TLVs only, so it may not know about signatures, but about rules and forms.
    seen = 0
    for name, entry in vectors().items():
        if not name.endswith(".bin") or not entry["reason"] or "ignature" in name or "roots" in name:
            continue
        device = DeviceUnderTest(entry["after"])
        data = bytearray(content(name))
        data[40] ^= 1  # the payload
        try:
            device.verifier.preview(image_area(bytes(data)), SECTOR)
        except VerifyError as e:
            assert entry["reason"] in str(e), (name, str(e))
            seen += 1
            continue
        assert "version-changed" in name or "ciphertext" in name, name
    assert seen >= 50
