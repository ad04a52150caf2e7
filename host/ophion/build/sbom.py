"""The bill of materials of an image: CycloneDX 1.6, JSON (ECMA-424).

It is made of the manifest that `ophion build` wrote and of the image, and of nothing else: no time, no
name of this computer, so that the same image has the same one.
"""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ophion.errors import InputError
from ophion.files import read_file
from ophion.versions import PRODUCT

_SUFFIX = ".cdx.json"
_SCHEMA = "http://cyclonedx.org/schema/bom-1.6.schema.json"
_IMAGE, _BOOTLOADER, _MICROPYTHON = "image", "bootloader", "micropython"


def load_manifest(payload: Path, data: bytes) -> dict[str, Any] | None:
    """The manifest beside `payload`, whose content is `data`; None if there is none of `ophion build`.

    Raises InputError when it is the one of another payload.
    """
    path = payload.with_suffix(".json")
    if not path.is_file():
        return None
    try:
        manifest = json.loads(read_file(path, "manifest"))
        sha256 = manifest["payload"]["sha256"]
        known = {"name", "version", "files", "packages", "mpy", "mpy_cross"} <= set(manifest)
    except (ValueError, KeyError, TypeError):
        return None
    if sha256 != hashlib.sha256(data).hexdigest():
        raise InputError(f"{path} is the manifest of another payload than {payload}", "ophion build")
    return dict(manifest) if known else None


def bill_path(image: Path) -> Path:
    """Where the document of `image` lies: NAME.cdx.json beside NAME.bin."""
    return image.with_name(image.name.removesuffix(".bin") + _SUFFIX)


def sbom(manifest: Mapping[str, Any], image: bytes, facts: Mapping[str, str]) -> bytes:
    """The document for `image`, a signed image of the payload that `manifest` describes.

    `facts` are properties of the image ({"hash": ...}); of them `min_runtime` is MicroPython's version too.
    Raises InputError for a manifest that is not what `ophion build` writes.
    """
    try:
        value = _document(manifest, image, facts)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise InputError(f"the manifest is not one of this ophion: {reason}", "ophion build") from None
    return (json.dumps(value, indent=2) + "\n").encode()


def _document(manifest: Mapping[str, Any], image: bytes, facts: Mapping[str, str]) -> dict[str, Any]:
    digest = hashlib.sha256(image).hexdigest()
    packages = [_package(package, manifest["files"]) for package in manifest["packages"]]
    files = [_file(file) for file in manifest["files"] if "package" not in file]
    return {
        "$schema": _SCHEMA,
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, f'ophion:{digest}')}",
        "version": 1,
        "metadata": {
            "tools": {"components": _tools(manifest)},
            "component": {
                "type": "firmware",
                "bom-ref": _IMAGE,
                "name": manifest["name"],
                "version": manifest["version"],
                "hashes": [_hash(digest)],
                "properties": _properties(facts),
            },
        },
        "components": [*packages, *files, _runtime(manifest, facts.get("min_runtime", "")), _bootloader()],
        "dependencies": _graph(manifest["packages"]),
    }


def _tools(manifest: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {"type": "application", "name": "ophion", "version": PRODUCT},
        {"type": "application", "name": "mpy-cross", "version": manifest["mpy_cross"]},
    ]


def _runtime(manifest: Mapping[str, Any], least: str) -> dict[str, Any]:
    """MicroPython, which runs the image; its version is the least that the image asks for, if it does."""
    mpy = manifest["mpy"]
    facts = {"mpy": mpy["version"], "mpy_arch": mpy["arch"]}
    found = {"type": "platform", "bom-ref": _MICROPYTHON, "name": "micropython"}
    return {**found, **({"version": least} if least else {}), "properties": _properties(facts)}


def _bootloader() -> dict[str, Any]:
    """The bootloader of this release, which the image was checked against."""
    return {
        "type": "firmware",
        "bom-ref": _BOOTLOADER,
        "name": "ophion-bootloader",
        "version": PRODUCT,
    }


def _package(package: Mapping[str, Any], files: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {"type": "library", "bom-ref": _ref(package["source"]), "name": package["name"]}
    if package["version"]:
        found["version"] = package["version"]
    if package["license"]:
        found["licenses"] = [{"license": {"name": package["license"]}}]
    purl = _purl(package)
    if purl:
        found["purl"] = purl
    urls = [file["url"] for file in package["files"] if "://" in file["url"]]
    if urls:
        found["externalReferences"] = [{"type": "distribution", "url": url} for url in urls]
    inside = [_file(file) for file in files if file.get("package") == package["source"]]
    return {**found, **({"components": inside} if inside else {})}


def _purl(package: Mapping[str, Any]) -> str:
    """The package URL (purl-spec) of what comes from a public repository, else ""."""
    match = re.fullmatch(r"(github|gitlab):([^/@]+)/([^/@]+)(?:/[^@]*)?(?:@(.+))?", package["source"])
    if match is None:
        return ""
    kind, owner, repository, ref = match.groups()
    return f"pkg:{kind}/{owner.lower()}/{repository.lower()}" + (f"@{ref}" if ref else "")


def _file(file: Mapping[str, Any]) -> dict[str, Any]:
    facts = {"size": str(file["size"]), "source": file["source"], "source_sha256": file["source_sha256"]}
    return {
        "type": "file",
        "bom-ref": f"file:{file['path']}",
        "name": file["path"],
        "hashes": [_hash(file["sha256"])],
        "properties": _properties(facts),
    }


def _graph(packages: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    needed = {need for package in packages for need in package["needs"]}
    own = [_ref(package["source"]) for package in packages if package["source"] not in needed]
    rows = [{"ref": _IMAGE, "dependsOn": [*own, _MICROPYTHON, _BOOTLOADER]}]
    for package in packages:
        needs = [_ref(need) for need in package["needs"]]
        rows.append({"ref": _ref(package["source"]), **({"dependsOn": needs} if needs else {})})
    return rows


def _ref(source: str) -> str:
    return f"package:{source}"


def _hash(sha256: str) -> dict[str, str]:
    return {"alg": "SHA-256", "content": sha256}


def _properties(facts: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"name": f"ophion:{name}", "value": value} for name, value in facts.items() if value]
