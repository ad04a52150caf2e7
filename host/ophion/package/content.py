"""What a file holds, be it a signed image or a bare payload: the common ground of `sizes` and `compare`."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from typing import Any

from ophion.errors import ImageError
from ophion.files import read_file
from ophion.package.image import ImageFile, parse_image
from ophion.package.romfs import RomFile, is_romfs, list_romfs


@dataclass(frozen=True)
class Content:
    """`image` is None for a bare payload; `payload` and `files` are empty where the payload is no ROMFS.

    `data` are the bytes that a device needs, `files_error` says why an encrypted or damaged payload has
    no files.
    """

    name: str
    data: bytes
    payload: bytes
    image: ImageFile | None
    files: tuple[RomFile, ...]
    files_error: str

    def digest(self, file: RomFile) -> str:
        """SHA-256 of a file's content, in hex."""
        return hashlib.sha256(self.payload[file.offset : file.offset + file.size]).hexdigest()

    def header(self) -> dict[str, Any]:
        """The fields of the header, {} without one; the payload's size is among them."""
        if self.image is None:
            return {}
        return {
            "version": self.image.version_text,
            "header_size": self.image.header_size,
            "payload_size": self.image.payload_size,
            "protected_size": self.image.protected_size,
            "flags": self.image.flags,
            "load_addr": self.image.load_addr,
        }


def load_content(path: str | os.PathLike[str]) -> Content:
    """Read `path`: an image, or a payload that `ophion build` made. Raises InputError, ImageError."""
    name = os.fspath(path)
    data = read_file(path, "image")
    if is_romfs(data):
        return Content(name, data, data, None, tuple(list_romfs(data)), "")
    image = parse_image(data, name)
    if image.aes_bits:
        return Content(name, image.image, image.payload, image, (), "the payload is encrypted")
    try:
        return Content(name, image.image, image.payload, image, tuple(image.files()), "")
    except ImageError as error:
        return Content(name, image.image, image.payload, image, (), error.message)
