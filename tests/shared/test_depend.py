"""DEPENDENCY TLVs: MCUboot's comparison, and what is not one."""

import struct

from ophion_boot.core.depend import APP, RUNTIME, unmet


def tlv(image, *version):
    return (0x40, struct.pack("<BxxxBBHI", image, *version))


def test_each_number_counts_but_the_build():
    for version in ((1, 2, 3, 4), (1, 2, 3, 0), (1, 2, 4, 0), (1, 3, 0, 0), (2, 0, 0, 0)):
        assert unmet([tlv(RUNTIME, 1, 2, 3, 9)], {RUNTIME: version}) == "", version
    for version in ((1, 2, 2, 9), (1, 1, 9, 9), (0, 9, 9, 9)):
        assert unmet([tlv(RUNTIME, 1, 2, 3, 0)], {RUNTIME: version}), version


def test_all_have_to_be_met():
    tlvs = [tlv(RUNTIME, 1, 0, 0, 0), (0x50, bytes(4)), tlv(APP, 2, 0, 0, 0)]
    assert unmet(tlvs, {RUNTIME: (1, 0, 0, 0), APP: (2, 0, 0, 0)}) == ""
    why = unmet(tlvs, {RUNTIME: (1, 0, 0, 0), APP: (1, 9, 0, 0)})
    assert why == "it needs image 0 from 2.0.0 on, here is 1.9.0"


def test_an_image_that_is_not_there_is_never_met():
    assert (
        unmet([tlv(3, 0, 0, 0, 0)], {RUNTIME: (9, 0, 0, 0)})
        == "it needs image 3, which is not on this device"
    )
    assert unmet([tlv(RUNTIME, 0, 0, 0, 0)], {}) == "it needs image 1, which is not on this device"


def test_a_tlv_of_another_size_is_not_met():
    assert unmet([(0x40, bytes(11))], {0: (9, 0, 0, 0)}) == "a dependency TLV has 11 bytes, not 12"
