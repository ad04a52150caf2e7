"""How the rig starts: what rig.py loaded into RAM is mounted at /rom; its program runs, and QEMU ends.

Without a program there is the REPL.
"""

import sys

import vfs
import virt

_PROGRAM = "/rom/__program__.py"


def _start():
    romfs = virt.romfs()
    if romfs is None:
        return
    vfs.mount(vfs.VfsRom(romfs), "/rom")
    sys.path[:] = ["/rom", "/rom/lib", ".frozen"]
    try:
        with open(_PROGRAM) as file:
            source = file.read()
    except OSError:
        return
    _run(source)


def _run(source):
    status = 0
    try:
        exec(compile(source, _PROGRAM, "exec"), {"__name__": "__main__"})
    except SystemExit as e:
        status = e.value if isinstance(e.value, int) else 0 if e.value is None else 1
    except BaseException as e:
        sys.print_exception(e)
        status = 1
    virt.exit(status)


_start()
