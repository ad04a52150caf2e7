"""What the central's side of a Bumble radio keeps of the devices it paired with: keys, and its own address.

One for each transport, for as long as the process lives; in a file, when `keep` named one. The file is a JSON
object: the address, and for each peer what Bumble calls PairingKeys; only its owner may read it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar

from bumble.device import Connection
from bumble.keys import KeyStore, PairingKeys

from ophion.errors import InputError
from ophion.files import write_file

_PRIVATE_MODE = 0o600


class CentralBonds(KeyStore):
    """Bumble's key store; `address` is the one that the peers know, None before the first bond."""

    _of: ClassVar[dict[str, CentralBonds]] = {}
    _files: ClassVar[dict[str, Path]] = {}

    def __init__(self, path: Path | None = None) -> None:
        """Raises InputError for a file that is no such file."""
        self.address: str | None = None
        self.using = ""
        self._path = path
        self._peers: dict[str, PairingKeys] = {}
        if path is not None and path.exists():
            try:
                value: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
                self.address = str(value["address"])
                self._peers = {name: PairingKeys.from_dict(keys) for name, keys in value["peers"].items()}
            except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
                raise InputError(
                    f"{path} does not hold bonds: {error}", "remove it, and pair with --pair"
                ) from None

    @classmethod
    def of(cls, transport: str) -> CentralBonds:
        """The bonds of the radio on `transport`."""
        if transport not in cls._of:
            cls._of[transport] = cls(cls._files.get(transport))
        return cls._of[transport]

    @classmethod
    def keep(cls, transport: str, path: Path) -> None:
        """Keep what is paired over `transport` in the file `path` from now on."""
        cls._files[transport] = path
        cls._of.pop(transport, None)

    def authenticated(self, connection: Connection) -> bool:
        """Whether the bond with that peer was made with a passkey."""
        keys = self._peers.get(str(connection.peer_address))
        return keys is not None and keys.ltk is not None and keys.ltk.authenticated

    async def get(self, name: str) -> PairingKeys | None:
        return self._peers.get(name)

    async def update(self, name: str, keys: PairingKeys) -> None:
        if self.address != self.using:  # peers know us by that address; those of another are lost
            self._peers.clear()
        self.address = self.using
        self._peers[name] = keys
        self._save()

    async def delete(self, name: str) -> None:
        if self._peers.pop(name, None) is not None:
            self._save()

    def _save(self) -> None:
        if self._path is not None:
            peers = {name: keys.to_dict() for name, keys in self._peers.items()}
            text = json.dumps({"address": self.address, "peers": peers}, indent=1) + "\n"
            write_file(self._path, text.encode(), mode=_PRIVATE_MODE, overwrite=True)
