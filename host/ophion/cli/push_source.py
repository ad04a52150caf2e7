"""What `ophion push` sends: image files, or a folder that is built and signed each time."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ophion.cli.here import made_file
from ophion.cli.key_verbs import passphrase_source
from ophion.cli.sign_options import image_options
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

    def images(self) -> tuple[list[ImageFile], tuple[str, ...]]:
        """What is to be sent now, and the build's warnings. Raises as `load_image`, `build` and `sign` do."""
        from ophion.package import load_image, parse_image

        if self.folder is None or self.signer is None:
            return [load_image(path) for path in self.paths], ()
        from ophion.build import build
        from ophion.sign import sign

        built = build(self.folder)
        config = built.config
        room = config.sign.max_size or config.max_image_size
        options, chain = image_options(config.sign, room, version=config.version)
        if chain is not None:
            chain.check_signs_with(self.signer.public)
        image = sign(built.payload, config.version, self.signer, options)
        return [parse_image(image, built.stem)], built.warnings


def source_of(paths: list[Path], key: str | None, passphrase_file: Path | None, watch: bool) -> Source:
    """The Source that the words of the command line mean. Raises UsageError, and as `open_signer` does.

    Without a path it is the application here: its folder if it is to be built, else its image.
    """
    if not paths:
        if not watch and key is None:
            return Source((made_file(None, "bin"),))
        from ophion.build import find_app

        paths = [find_app(Path())]
    folders = [path for path in paths if path.is_dir()]
    if not folders:
        if watch:
            raise UsageError("--watch wants an application's folder", "ophion push FOLDER --watch")
        if key is not None:
            raise UsageError("--key signs a folder, and there are only files", "name the folder instead")
        return Source(tuple(paths))
    if len(paths) > 1:
        raise UsageError(f"{folders[0]} is a folder: it is pushed alone", "name one folder, or image files")
    return Source((), folders[0], _signer(folders[0], key, passphrase_file))


def _signer(folder: Path, key: str | None, passphrase_file: Path | None) -> Signer:
    """Who signs the application in `folder`: `key`, or the one that its ophion.toml names."""
    from ophion.build import load_config
    from ophion.keys import open_signer

    name = key or load_config(folder).sign.key
    if not name:
        raise UsageError(
            f"{folder} is a folder: it would be built and signed, and no key is named",
            "add --key KEY, or a key under [sign] in its ophion.toml; or push the image that you signed",
        )
    return open_signer(name, passphrase_source(passphrase_file, name))
