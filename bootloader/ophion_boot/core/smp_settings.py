"""SMP group 3, settings: read, write, delete, commit, load, save (Zephyr, "Settings (Config) Management")."""

from ophion_boot.compat import const
from ophion_boot.core.settings import Settings
from ophion_boot.core.smp_session import SmpError, argument, not_supported
from ophion_boot.fmt.smp import Request

GROUP = 3
_READ_WRITE = const(0)
_DELETE = const(1)
_COMMIT = const(2)
_LOAD_SAVE = const(3)

_KEY_TOO_LONG = const(2)
_KEY_NOT_FOUND = const(3)
_WRITE_NOT_SUPPORTED = const(6)
_DELETE_NOT_SUPPORTED = const(7)
_EINVAL = const(3)
_ENOENT = const(5)
_ENOTSUP = const(8)
_NAME_MAX = const(32)


class SettingsGroup:
    """`settings` are the ones that can be changed; `facts` ({name: function that returns bytes}) can only be
    read. `apply()` is called by a commit."""

    def __init__(self, settings: Settings, facts: dict, apply) -> None:  # type: ignore[no-untyped-def]
        self._settings = settings
        self._facts = facts
        self._apply = apply

    def handle(self, request: Request, args: dict) -> dict:
        """Answer one request of this group; raises SmpError."""
        command, write = request.command, request.write
        if command == _READ_WRITE:
            return self._write(args) if write else self._read(args)
        if command == _DELETE and write:
            self._settings.delete(self._changeable(args, _DELETE_NOT_SUPPORTED))
        elif command == _COMMIT and write:
            self._apply()
        elif command == _LOAD_SAVE:
            if write:
                self._settings.save()
            else:
                self._settings.load()
        else:
            raise not_supported(request)
        return {}

    def _read(self, args: dict) -> dict:
        name = self._known(args)
        data = self._facts[name]() if name in self._facts else self._settings.pack(name)
        return {"val": data[: argument(args, "max_size", int, len(data))]}

    def _write(self, args: dict) -> dict:
        name = self._changeable(args, _WRITE_NOT_SUPPORTED)
        data = argument(args, "val", (bytes, bytearray, memoryview), required=True)
        try:
            self._settings.write(name, bytes(data))
        except ValueError as e:
            raise SmpError(_EINVAL, str(e))
        return {}

    def _known(self, args: dict) -> str:
        name = argument(args, "name", str, required=True)
        if len(name) > _NAME_MAX:
            raise SmpError(_KEY_TOO_LONG, "a setting has at most %d letters" % _NAME_MAX, GROUP, _EINVAL)
        if name not in self._settings.values and name not in self._facts:
            raise SmpError(_KEY_NOT_FOUND, "no setting is called %r" % name, GROUP, _ENOENT)
        return name

    def _changeable(self, args: dict, rc: int) -> str:
        name = self._known(args)
        if name in self._facts:
            raise SmpError(rc, "%s can only be read" % name, GROUP, _ENOTSUP)
        return name
