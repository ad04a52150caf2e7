"""MicroPython's own names, which linked firmware keeps, are those of the source that the rig builds."""

from ophion.build.shorten import micropython_names


def test_the_list_is_what_the_source_says(firmware):
    from qemu import names

    found = names.text()
    assert set(found.split()) == micropython_names() and len(micropython_names()) > 1500
    assert {"append", "Partition", "gatts_write", "readblocks", "create_task"} <= micropython_names()
