"""What the ESP32 port's `mp_task` does at every start (ports/esp32/main.c), for the simulated chip.

Order: frozen modules only; `_boot.py` (an exception is printed and start goes on); `boot.py`, then
`main.py` unless boot.py failed, frozen ones first; then the REPL, which here idles for ever.
SystemExit from boot.py or main.py is a soft reset, as Ctrl-D is.
"""

import sys

import vfs

CHIP = "/chip"
FROZEN = "/frozen"
ROMFS = b"\xd2\xcd\x31"
NAMES = {"__name__": "__main__"}  # all start files run in one namespace, as on the chip


def mount_chip(directory):
    """Make the stand-ins in `directory` importable."""
    vfs.mount(vfs.VfsPosix(directory), CHIP)
    sys.path[:] = [CHIP, ".frozen"]


def shadow_builtins():
    """Put our time, select, machine and bluetooth before the built-in ones, for asyncio too."""
    for name in ("time", "select", "machine", "bluetooth", "esp32"):
        __import__(name)


def mount_frozen(directory, link):
    """Mount the frozen code: `directory`, or what the second-stage bootloader finds in flash.

    An application that is no ROMFS of ours is MicroPython's own build; returns True then, and what that has
    frozen is in a folder of `directory`.
    """
    rows = link.config["partitions"]
    data = second_stage(link, rows) if rows else None
    stock = data is not None and bytes(data[: len(ROMFS)]) != ROMFS
    if data is None or stock:
        vfs.mount(vfs.VfsPosix(directory + "/stock" if stock else directory), FROZEN)
    else:
        vfs.mount(vfs.VfsRom(data), FROZEN)
    return stock


def second_stage(link, rows):
    """ESP-IDF's second-stage bootloader: the frozen files in the app image that it starts."""
    import esp32
    import idf

    chip = idf.Idf(link.flash(), [idf.Partition(*row) for row in rows])
    running = chip.start()
    if running is None:
        print("E (0) boot: No bootable app partitions in the partition table")
        link.send(__import__("ophion_messages").HALTED)
        link.wait_for_death()
    esp32.Partition.idf = chip
    esp32.Partition.abort = staticmethod(abort)
    print("I (0) boot: Loaded app from partition at offset %#x" % running.offset)
    _, at, size = chip.segments(running)[0]
    data = bytearray(size)
    at += running.offset
    chip.bdev.readblocks(at // chip.sector, data, at % chip.sector)
    return memoryview(data)


def abort():
    """What a write to the partition that runs does."""
    import machine

    print("abort() was called")
    machine.reset()


class Vfs:
    """`vfs` as a build of the ESP32 port has it; built-in modules take no new names."""


def shadow_vfs(stock):
    """With `rom_ioctl`, which only the ESP32 port has, or, in MicroPython's own build, without any ROMFS."""
    import esp32

    for name in dir(vfs):
        if not name.startswith("__") and not (stock and name == "VfsRom"):
            setattr(
                Vfs,
                name,
                staticmethod(getattr(vfs, name)) if callable(getattr(vfs, name)) else getattr(vfs, name),
            )
    if not stock:
        Vfs.rom_ioctl = staticmethod(esp32.rom_ioctl)
    sys.modules["vfs"] = Vfs


def run_file(path):
    """Run one source file as __main__: True when it ended well or there is none."""
    try:
        with open(path) as f:
            code = compile(f.read(), path, "exec")
    except OSError:
        return True
    except SyntaxError as e:
        sys.print_exception(e)
        return False
    try:
        exec(code, NAMES)
    except SystemExit:
        import machine

        machine.soft_reset()
    except BaseException as e:
        sys.print_exception(e)
        return False
    return True


def run_frozen_or_file(name):
    try:
        open(FROZEN + "/" + name).close()
        return run_file(FROZEN + "/" + name)
    except OSError:
        return run_file(name)


def complete_path():
    """What the chip has in sys.path when `_boot.py` starts: '' before the frozen code, /lib behind."""
    sys.path[:] = ["", FROZEN, ".frozen", "/lib"]


def run_boot_module():
    try:
        f = open(FROZEN + "/_boot.py")
    except OSError:
        return
    try:
        exec(compile(f.read(), "_boot.py", "exec"), NAMES)
    except BaseException as e:
        sys.print_exception(e)


def main():
    directory = sys.argv[0].rsplit("/", 1)[0]
    mount_chip(directory)
    import ophion_messages
    import ophion_sim

    link = ophion_sim.connect(int(sys.argv[1]))
    link.send(ophion_messages.STARTED)
    stock = mount_frozen(directory, link)
    vfs.umount("/")
    shadow_builtins()
    if stock or any(row[0] == "romfs" for row in link.config["partitions"] or ()):
        shadow_vfs(stock)
    vfs.umount(CHIP)
    del sys.argv[:]
    complete_path()
    run_boot_module()
    if run_frozen_or_file("boot.py"):
        run_frozen_or_file("main.py")
    link.send(ophion_messages.HALTED)
    while True:
        link.pump(1000)


main()
