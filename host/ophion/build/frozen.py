"""What a board's firmware has frozen in: the modules that its layout uses, and no others.

A module brings along what it imports when it is imported. What it imports later, inside of a function, is
there only where the layout asks for it: `_parts` says which.
"""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from ophion_boot.fmt.key import ECDSA_P256, ED25519, RSA2048, RSA3072, RSA4096, algorithm_of, from_raw
from ophion_boot.fmt.statement import INTERMEDIATE, SIGNING, parse_chain
from ophion_boot.fmt.wrapped import EC256

from ophion.build.device_module import device_module, root_set
from ophion.build.layout import Layout
from ophion.build.link import Program
from ophion.build.loops import unroll
from ophion.build.names import name_map
from ophion.build.order import ordered
from ophion.build.shake import shake
from ophion.build.shorten import shorten
from ophion.build.texts import pack_texts
from ophion.errors import BuildError

LAYOUT_MODULE = "ophion_layout.py"
_APPLICATION = "ophion_app"
_START = ("_boot.py", "boot.py", "main.py")
_VERIFIERS = {
    ED25519: "crypto.ed25519",
    ECDSA_P256: "crypto.p256",
    RSA2048: "crypto.rsa",
    RSA3072: "crypto.rsa",
    RSA4096: "crypto.rsa",
}
# What a table of a key takes beside it.
_TABLES = {ED25519: "crypto.ed25519_comb", ECDSA_P256: "crypto.base_p256"}
# The road that a port's updates come on.
_MAIN = "ophion_boot.main"
_SERVICE = "ophion_boot.service"
_SERVERS = {"unix": "port.ble", "qemu": "port.console", "esp32": "port.ble", "stock": "port.ble"}
# Parts of the service by what a layout names: `smp.groups`, other roads, framings of `serial`, access.
_GROUPS = {"os": "core.smp_clock", "stat": "core.smp_stat", "settings": "core.smp_settings"}
_UDP = "port.udp"
_ROADS = "port.roads"
_DELTA = ("core.patching", "core.delta_packed")
_SEALED_DELTA = ("core.sealed_patching",)
_FRAMINGS = {"console": "port.console", "raw": "port.raw"}
_ACCESS = {"open": (), "paired": ("core.access", "core.bonds", "port.pairing"), "token": ("core.access",)}
# What starts with the service, and not with the device.
_SERVED = frozenset(
    {
        "service",
        _UDP,
        _ROADS,
        *_DELTA,
        *_SEALED_DELTA,
        *_SERVERS.values(),
        *_GROUPS.values(),
        *_FRAMINGS.values(),
        *_ACCESS["paired"],
    }
)
# What `main` imports later, and starts with the device though the service uses it, too.
_EARLY = "core.settings"
# Firmware of 32 bits with the viper emitter never gets to these: they are for the others (port unix).
_WITHOUT_VIPER = (
    "crypto.aes_ctr_plain",
    "crypto.edwards",
    "crypto.montgomery",
    "core.delta_plain",
    "crypto.sha512_plain",
    "fmt.lines_plain",
    "fmt.quick_plain",
)
# CPython's; firmware has these modules itself.
_NOT_FIRMWARE = ("core.deflate_plain",)
# Firmware in bytecode alone does without these: each is imported in a `try`, and has another in its place.
_WITH_VIPER = (
    "core.delta_viper",
    "crypto.aes_ctr_viper",
    "crypto.edwards_vm",
    "crypto.ladder_vm",
    "crypto.p256_vm",
    "crypto.sha512_viper",
    "fmt.lines_viper",
    "fmt.quick_viper",
)


def frozen_files(
    layout: Layout,
    name: str,
    keys: Sequence[bytes],
    runtime: Sequence[int] = (0, 0, 0, 0),
    roots: bytes = b"",
    enc_keys: Sequence[tuple[bytes, int, bytes]] = (),
    simulated: bool = False,
    native: bool = True,
) -> dict[str, bytes]:
    """{path: source} of all that is frozen into the firmware of a board, `ophion_layout.py` too.

    The arguments are those of `device_module`. `simulated` firmware runs where there is no viper of 32 bits,
    whatever the layout's port; firmware that is not `native` is bytecode alone. Raises LayoutError,
    BuildError when the files are missing.
    """
    module = device_module(layout, name, keys, runtime, roots, enc_keys)
    algorithms = {algorithm_of(from_raw(key)) for key in (*keys, *layout.access.operators)}
    if roots:
        algorithms |= {algorithm_of(key) for key in root_set(roots)["keys"]}
    if layout.key_tables and roots:
        algorithms |= {algorithm_of(s.key) for s in parse_chain(roots) if s.role in (INTERMEDIATE, SIGNING)}
    files = product_files()
    plain = simulated or not native or layout.port == "unix"
    parts = _parts(layout, algorithms | set(layout.signatures), enc_keys)
    # What sha512 falls back on is imported when it is called.
    more = ["crypto.sha512_plain"] if plain else []
    unused = () if plain else _WITHOUT_VIPER
    left_out = {_path(name) for name in (*_NOT_FIRMWARE, *(unused if native else _WITH_VIPER))}
    names = _closure(files, [*parts, *more], left_out)
    kept = {path: data for path, data in files.items() if path in names or path in _START}
    return {**kept, LAYOUT_MODULE: module.encode()}


def _parts(
    layout: Layout, algorithms: set[int], enc_keys: Sequence[tuple[bytes, int, bytes]]
) -> Iterator[str]:
    """Modules that the layout asks for, by their names below ophion_boot, beside the application's."""
    yield from ("main", "service")
    yield "port." + layout.port
    yield _SERVERS[layout.port]
    yield "core." + layout.strategy
    for algorithm in algorithms:
        yield _VERIFIERS[algorithm]
        if layout.key_tables and algorithm in _TABLES:
            yield _TABLES[algorithm]
    if layout.has_runtime:
        yield from ("core.runtime", "core.release", "port.ota")
    if layout.encryption:
        yield from ("core.secret", "core.seals")
        if layout.nvs_encrypted:  # a key may come with provisioning
            yield "crypto.x25519"
    for _, kind, _ in enc_keys:
        yield "crypto.p256" if kind == EC256 else "crypto.x25519"
    yield from _served(layout)


def _served(layout: Layout) -> Iterator[str]:
    """Parts of the service that the layout names."""
    for group in layout.smp:
        yield _GROUPS[group]
    if layout.udp:
        yield _UDP
    if layout.serial:
        yield _FRAMINGS[layout.serial.framing]
    if layout.udp or layout.serial:
        yield _ROADS
    if layout.delta:
        yield from _DELTA
        if layout.encryption:
            yield from _SEALED_DELTA
    yield from _ACCESS[layout.access.mode]


def _path(name: str, package: bool = False) -> str:
    return f"ophion_boot/{name.replace('.', '/')}{'/__init__' if package else ''}.py"


def _closure(files: Mapping[str, bytes], parts: Iterable[str], left_out: set[str]) -> set[str]:
    """The paths of `parts`, of the application's package, and of all that they import at once."""
    waiting = [path for name in parts for path in (_path(name), _path(name, True)) if path in files]
    waiting += [path for path in files if path.startswith(_APPLICATION + "/")]
    found: set[str] = set()
    while waiting:
        path = waiting.pop()
        if path in found or path in left_out:
            continue
        found.add(path)
        waiting += _packages(path)
        waiting += _imported(files[path], frozenset(files))
    return found


def _packages(path: str) -> list[str]:
    """The __init__.py of the packages that `path` lies in."""
    parts = path.split("/")[:-1]
    return ["/".join([*parts[:count], "__init__.py"]) for count in range(1, len(parts) + 1)]


@lru_cache(maxsize=256)
def _imported(source: bytes, paths: frozenset[str]) -> tuple[str, ...]:
    """The files among `paths` that `source` imports when it is imported itself."""
    found: list[str] = []
    waiting: list[ast.AST] = [ast.parse(source)]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            found += [name.name for name in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.append(node.module)
            found += [f"{node.module}.{name.name}" for name in node.names]
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            waiting += ast.iter_child_nodes(node)
    places = [name.replace(".", "/") for name in found]
    both = [end for place in places for end in (f"{place}.py", f"{place}/__init__.py")]
    return tuple(path for path in both if path in paths)


def product_files() -> dict[str, bytes]:
    """All files that may be frozen: bootloader, what applications import, the files that start them."""
    boot = _package_dir("ophion_boot")
    boot_files = _python_files(boot, "ophion_boot/")
    starts = ("ophion_boot/frozen/", "ophion_boot/stock/")
    files = {n: c for n, c in boot_files.items() if not n.startswith(starts)}
    files.update(_python_files(_package_dir(_APPLICATION), _APPLICATION + "/"))
    files.update(start_files("frozen"))
    return files


def start_files(kind: str) -> dict[str, bytes]:
    """The files that start the bootloader: of the kind "frozen", or "stock" for MicroPython's own build."""
    boot = _package_dir("ophion_boot")
    return _python_files(_first_dir(boot / kind, boot.parent / kind), "")


def _package_dir(name: str) -> Path:
    """A device package: importable, or in the source tree beside the bootloader."""
    spec = importlib.util.find_spec(name)
    if spec is not None and spec.submodule_search_locations:
        return Path(spec.submodule_search_locations[0])
    root = Path(__file__).parents[3]
    return _first_dir(root / "bootloader" / name, root / "firmware" / name)


def _first_dir(*candidates: Path) -> Path:
    for path in candidates:
        if path.is_dir():
            return path
    raise BuildError(f"the device's files are missing: {candidates[0]}", "reinstall ophion")


def _python_files(root: Path, prefix: str) -> dict[str, bytes]:
    return {
        prefix + path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*.py"))
        if "__pycache__" not in path.parts
    }


@dataclass(frozen=True)
class Linked:
    """A linked firmware: its `files`, the map of its short `names`, and {root: {name in it: its module}}."""

    files: dict[str, bytes]
    names: str
    origins: dict[str, dict[str, str]]


def linked(files: Mapping[str, bytes], users: Sequence[bytes] = ()) -> Linked:
    """The same firmware with the bootloader's modules in two: what boots, and what serves updates (`link`).

    They are called as the modules that applications know: `ophion_boot.main` and `ophion_boot.service`. What
    cannot be reached is left out, comprehensions are loops, texts are packed, and names short and in order.
    Sources in `users` find what they name there under its name, as the other frozen files do.
    """
    program, made = _program(files)
    others = {path: data for path, data in files.items() if not path.startswith("ophion_boot/")}
    known = [*others.values(), *users]
    made = {root: unroll(text) for root, text in shake(made, known).items()}
    whole = pack_texts(made)
    short = shorten(whole, known)
    origins = {root: program.origins(root) for root in made}
    package = "ophion_boot/__init__.py"
    sources = {_path(root.partition(".")[2]): ordered(text).encode() for root, text in short.sources.items()}
    return Linked(
        {**others, package: files[package], **sources},
        name_map(whole, short, origins),
        {
            root: {short.globals.get(name, name): module for name, module in found.items()}
            for root, found in origins.items()
        },
    )


def _program(files: Mapping[str, bytes]) -> tuple[Program, dict[str, str]]:
    """The linked Program of a firmware, and the sources of its wholes by name."""
    modules = {path: data for path, data in files.items() if path.startswith("ophion_boot/")}
    served = _closure(modules, _SERVED & {_name(path) for path in modules}, set())
    early = {_path(_EARLY)} & set(modules)
    boot = _closure(modules, (_name(path) for path in modules if path not in served - early), set())
    program = Program({_dotted(path): data for path, data in modules.items()})
    wholes = {}
    for root, paths in ((_MAIN, boot), (_SERVICE, served - boot)):
        parts = [_dotted(path) for path in files if path in paths]
        wholes[root] = [name for name in parts if name not in (root, "ophion_boot", "ophion_boot.compat")]
    return program, program.link(wholes)


def _dotted(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _name(path: str) -> str:
    """A module's name as `_parts` has it."""
    return _dotted(path).partition(".")[2]
