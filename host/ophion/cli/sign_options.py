"""Reading the options of `ophion sign`."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

from ophion.cli.here import config_of, made_file
from ophion.errors import InputError, UsageError
from ophion.files import read_file
from ophion.versions import Version, parse_version

if TYPE_CHECKING:
    from ophion.build.config import SignDefaults
    from ophion.keys.chain import Chain
    from ophion.sign import Dependency, SignOptions

_PAIR = re.compile(r"\(\s*(\d+)\s*,\s*([0-9.+]+)\s*\)")
_OURS, _OURS_MASK = 0x01A0, 0xFFF0
_IMGTOOL = re.compile(rf"\s*{_PAIR.pattern}(?:\s*,?\s*{_PAIR.pattern})*\s*")


def read_options(
    counter: str,
    dependencies: list[str],
    custom: list[str],
    header_size: int,
    max_size: int | None,
    recipients: list[Path],
    aes_bits: int = 128,
    claims: dict[int, bytes] | None = None,
) -> SignOptions:
    """The SignOptions that these words mean; a counter of "auto" is left for `with_counter`.

    `claims` are vendor TLVs of our own (`ophion.sign.claims`), beside the maker's in `custom`.
    """
    from ophion.keys import load_recipient
    from ophion.sign import SignOptions

    return SignOptions(
        header_size=header_size,
        security_counter=_number(counter, "security counter") if counter not in ("", "auto") else None,
        dependencies=[dependency for word in dependencies for dependency in _dependencies(word)],
        custom_tlvs={**_custom(custom), **(claims or {})},
        max_size=max_size,
        recipients=[load_recipient(path) for path in recipients],
        aes_bits=aes_bits,
    )


def image_options(
    defaults: SignDefaults,
    room: int = 0,
    *,
    counter: str = "",
    dependencies: list[str] | None = None,
    custom: list[str] | None = None,
    header_size: int = 0x20,
    max_size: int | None = None,
    encrypt: list[Path] | None = None,
    aes_bits: int = 128,
    hardware: list[str] | None = None,
    min_runtime: str = "",
    chain: Path | None = None,
    version: Version | None = None,
) -> tuple[SignOptions, Chain | None]:
    """The options of an image, and the chain that it carries: what the words say, else `defaults`.

    `room` is what the slots take. A counter of "auto" is that of `version`; without it, left for later.
    """
    from ophion.keys.chain import load_chain
    from ophion.sign.claims import claim_tlvs

    place = chain or defaults.chain
    found = load_chain(place) if place else None
    runtime = min_runtime or defaults.min_runtime
    word = counter or defaults.security_counter
    options = read_options(
        word,
        dependencies or [],
        custom or [],
        header_size,
        max_size or room or None,
        encrypt or list(defaults.encrypt),
        aes_bits,
        claim_tlvs(found.data if found else b"", hardware or list(defaults.hardware), runtime),
    )
    if word == "auto" and version is not None:
        options = options.with_counter(version.security_counter)
    return options, found


def read_version(payload: Path, given: str) -> Version:
    """The version `given`, or the one in the manifest that `ophion build` wrote beside `payload`."""
    if given:
        return parse_version(given)
    manifest = payload.with_suffix(".json")
    hint = "give one with --version X.Y.Z"
    if not manifest.is_file():
        raise UsageError(f"no version: {payload} has no manifest {manifest.name} beside it", hint)
    try:
        return parse_version(str(json.loads(read_file(manifest, "manifest"))["version"]))
    except (ValueError, KeyError, TypeError):
        raise InputError(f"{manifest} is not a manifest of `ophion build`", hint) from None


def app_defaults(payload: Path | None) -> tuple[Path, SignDefaults, int]:
    """What to sign, [sign] of the application that it belongs to, and the most bytes its boards' slots take.

    A folder is the application in it; without `payload` it is the one in the current folder, or above it. A
    payload that lies outside of all applications has no defaults.
    """
    from ophion.build.config import SignDefaults

    path = made_file(payload, "romfs")
    config = config_of(path)
    if config is None:
        return path, SignDefaults(), 0
    # A runtime (the other kind of payload) goes into slots of its own.
    room = config.max_image_size if path.suffix == ".romfs" else 0
    return path, config.sign, config.sign.max_size or room


def _dependencies(word: str) -> list[Dependency]:
    """`(1, 1.2.3)`, also several of them with commas between (imgtool's form), or `1:1.2.3`."""
    from ophion.sign import Dependency

    if word.lstrip().startswith("("):
        if not _IMGTOOL.fullmatch(word):
            raise UsageError(f"{word!r} is not of the form (IMAGE, X.Y.Z), (IMAGE, X.Y.Z) ...")
        pairs = _PAIR.findall(word)
    else:
        pairs = [_split(word, ":", '"(IMAGE, X.Y.Z)" or IMAGE:X.Y.Z')]
    return [Dependency(_number(number, "dependency"), parse_version(version)) for number, version in pairs]


def _custom(words: list[str]) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    for word in words:
        kind, value = _split(word, "=", "TYPE=HEX")
        number = _number(kind, "custom TLV")
        if number & _OURS_MASK == _OURS:
            raise UsageError(
                f"custom TLV {number:#06x}: 0x01a0 to 0x01af are Ophion's own",
                "see --chain, --hardware, --min-runtime",
            )
        if number in found:
            raise UsageError(f"custom TLV {number:#06x} is given twice")
        try:
            found[number] = bytes.fromhex(value)
        except ValueError:
            raise UsageError(f"custom TLV {word!r}: the value is not hexadecimal") from None
    return found


def _split(word: str, mark: str, form: str) -> tuple[str, str]:
    left, found, right = word.partition(mark)
    if not found:
        raise UsageError(f"{word!r} is not of the form {form}")
    return left, right


def _number(word: str, what: str) -> int:
    try:
        return int(word, 0)
    except ValueError:
        raise UsageError(f"{what}: {word!r} is not a number") from None
