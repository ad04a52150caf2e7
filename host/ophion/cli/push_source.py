"""What `ophion push` sends: image files, or a folder that is built and signed each time."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ophion.cli.key_verbs import passphrase_source
from ophion.errors import UsageError

if TYPE_CHECKING:
    from ophion.keys import Signer
    from ophion.package import ImageFile


@dataclass(frozen=True)
class Source:
    """Image files in `paths`; or the application in `folder`, and who signs it."""

    paths: tuple[Path, ...]
    folder: Path | None = None
    signer: Signer | None = None

    def images(self) -> list[ImageFile]:
        """What is to be sent now. Raises as `load_image`, `build` and `sign` do."""
        from ophion.package import load_image, parse_image

        if self.folder is None or self.signer is None:
            return [load_image(path) for path in self.paths]
        from ophion.build import build
        from ophion.sign import sign

        built = build(self.folder)
        return [parse_image(sign(built.payload, built.config.version, self.signer), built.stem)]


def source_of(paths: list[Path], key: str | None, passphrase_file: Path | None) -> Source:
    """The Source that the words of the command line mean. Raises UsageError, and as `open_signer` does."""
    folders = [path for path in paths if path.is_dir()]
    if not folders:
        if key is not None:
            raise UsageError(
                "--key signs a folder, and there are only files", "name the application's folder"
            )
        return Source(tuple(paths))
    if len(paths) > 1:
        raise UsageError(f"{folders[0]} is a folder: it is pushed alone", "name one folder, or image files")
    if key is None:
        raise UsageError(
            f"{folders[0]} is a folder, and no key signs what it becomes",
            "add --key KEY, or `ophion build` and `ophion sign` it first",
        )
    from ophion.keys import open_signer

    return Source((), folders[0], open_signer(key, passphrase_source(passphrase_file)))
