"""What the ESP32 port's `mp_task` does at every start (ports/esp32/main.c), for the simulated chip.

Order: frozen modules only; `_boot.py` (an exception is printed and start goes on); `boot.py`, then
`main.py` unless boot.py failed, frozen ones first; then the REPL, which here idles for ever.
SystemExit from boot.py or main.py is a soft reset, as Ctrl-D is.
"""

import sys

import vfs

FROZEN = "/frozen"
NAMES = {"__name__": "__main__"}  # all start files run in one namespace, as on the chip


def mount_frozen(directory):
    """Make `directory` the frozen code and take the POSIX file system away, as a chip has none."""
    vfs.mount(vfs.VfsPosix(directory), FROZEN)
    sys.path[:] = [FROZEN, ".frozen"]


def shadow_builtins():
    """Put our time, select, machine and bluetooth before the built-in ones, for asyncio too."""
    for name in ("time", "select", "machine", "bluetooth"):
        __import__(name)


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
    mount_frozen(sys.argv[0].rsplit("/", 1)[0])
    import ophion_messages
    import ophion_sim

    link = ophion_sim.connect(int(sys.argv[1]))
    link.send(ophion_messages.STARTED)
    vfs.umount("/")
    shadow_builtins()
    del sys.argv[:]
    complete_path()
    run_boot_module()
    if run_frozen_or_file("boot.py"):
        run_frozen_or_file("main.py")
    link.send(ophion_messages.HALTED)
    while True:
        link.pump(1000)


main()
