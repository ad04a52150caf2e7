"""What is frozen into a board's firmware: what its layout uses, and what that imports; no more, no less."""

import ast
from dataclasses import replace

import pytest
from ophion.build.access import AccessPolicy
from ophion.build.boards import board_layout
from ophion.build.frozen import frozen_files, product_files
from ophion.build.layout import LayoutError, load_layout
from ophion_boot.fmt.key import from_raw
from ophion_boot.fmt.wrapped import EC256, X25519

ED25519 = bytes(range(32))
ENCRYPTION = ("core/secret", "core/seals", "crypto/aes_ctr", "crypto/ecies", "crypto/hkdf", "fmt/wrapped")
RUNTIME = ("core/runtime", "core/release", "core/envelope", "port/ota", "fmt/otadata")
STRATEGIES = {"sim": "swap_offset", "sim-scratch": "swap_scratch", "sim-golden": "golden", "sim-ab": "ab"}


def frozen(board, keys=(ED25519,), change=lambda layout: layout, **more):
    layout = change(load_layout(board_layout(board)))
    return set(frozen_files(layout, "name", list(keys), **more))


def has(files, *names):
    return [f"ophion_boot/{name}.py" in files for name in names]


@pytest.mark.parametrize("board", STRATEGIES)
def test_a_board_has_its_own_strategy_only(board):
    files = frozen(board)
    names = set(STRATEGIES.values())
    assert [name for name in names if has(files, f"core/{name}")[0]] == [STRATEGIES[board]]
    assert has(files, *ENCRYPTION, *RUNTIME) == [False] * len(ENCRYPTION + RUNTIME)


def test_what_every_board_has():
    files = frozen("qemu")
    assert all(has(files, "main", "service", "core/health", "core/smp_image", "fmt/cbor", "port/qemu"))
    assert {"_boot.py", "boot.py", "main.py", "ophion_layout.py", "ophion_app/__init__.py"} <= files
    assert not any(has(files, "port/unix", "port/ble", "crypto/edwards", "crypto/ed25519_table"))
    assert all(has(files, "crypto/edwards_vm", "port/console"))


def test_the_simulator_has_the_arithmetic_for_firmware_without_viper():
    assert all(has(frozen("sim"), "crypto/edwards", "crypto/sha512_plain", "crypto/edwards_vm", "port/ble"))


def test_the_verifiers_are_those_of_the_keys(vectors):
    assert has(frozen("qemu", []), "crypto/ed25519", "crypto/p256", "crypto/rsa") == [False] * 3
    assert has(frozen("qemu"), "crypto/ed25519", "crypto/p256", "crypto/rsa") == [True, False, False]
    roots = (vectors.parent / "bad" / "roots.chain").read_bytes()
    files = frozen("qemu", [], roots=roots)
    assert has(files, "crypto/ed25519", "crypto/p256", "crypto/rsa") == [True, False, False]


def test_a_layout_may_ask_for_more_verifiers(tmp_path):
    text = board_layout("qemu").read_text()

    def files(line):
        path = tmp_path / "layout.toml"
        path.write_text(text.replace("[update]\n", "[update]\n" + line))
        return set(frozen_files(load_layout(path), "name", [ED25519]))

    assert all(
        has(files('signatures = ["p-256", "rsa-3072"]\n'), "crypto/ed25519", "crypto/p256", "crypto/rsa")
    )
    with pytest.raises(
        LayoutError, match=r"update\.signatures: 'p-257' is not one of ed25519, p-256, rsa-2048"
    ):
        files('signatures = ["p-257"]\n')
    with pytest.raises(LayoutError, match=r"update\.signatures is not a list"):
        files('signatures = "p-256"\n')


def test_encryption_and_runtime_come_with_their_layouts():
    assert all(has(frozen("sim-runtime"), *RUNTIME))
    with_it = [frozen("sim", change=lambda layout: layout.with_encryption())]
    for kind in (X25519, EC256):
        entry = (bytes(8), kind, bytes(32))
        with_it.append(frozen("sim", change=lambda layout: layout.with_encryption(), enc_keys=[entry]))
    assert all(all(has(files, *ENCRYPTION)) for files in with_it)
    assert [has(files, "crypto/x25519", "crypto/p256") for files in with_it] == [
        [False, False],
        [True, False],
        [False, True],
    ]


GROUPS = {
    "os": ("core/smp_clock",),
    "stat": ("core/smp_stat",),
    "settings": ("core/settings", "core/smp_settings"),
}


def test_groups_of_smp_come_with_their_layouts():
    assert all(has(frozen("sim"), *(name for names in GROUPS.values() for name in names)))
    for group, names in GROUPS.items():
        files = frozen("sim", change=lambda layout, group=group: replace(layout, smp=(group,)))
        others = [name for other in GROUPS if other != group for name in GROUPS[other]]
        assert all(has(files, *names)) and not any(has(files, *others))


def test_other_roads_come_with_their_layouts():
    names = ("port/roads", "port/udp", "port/console", "port/raw", "port/wire", "fmt/console", "fmt/stream")
    for udp, framing, expected in (
        ("", "", []),
        ("0.0.0.0:1337", "", ["port/roads", "port/udp", "port/wire"]),
        ("", "console", ["port/roads", "port/console", "port/wire", "fmt/console"]),
        ("", "raw", [name for name in names if name != "port/udp"]),
        ("0.0.0.0:1337", "raw", list(names)),
    ):
        files = frozen("sim", change=lambda layout, udp=udp, framing=framing: layout.with_roads(udp, framing))
        assert [name for name in names if has(files, name)[0]] == expected


def test_access_comes_with_its_layouts():
    names = ("core/access", "core/tokens", "fmt/token", "core/bonds", "port/pairing")
    for access, count in (
        (AccessPolicy(), 0),
        (AccessPolicy("token", (from_raw(ED25519),)), 3),
        (AccessPolicy("paired"), 5),
    ):
        files = frozen("sim", change=lambda layout, access=access: layout.with_access(access))
        assert [name for name in names if has(files, name)[0]] == list(names[:count])


def test_operators_bring_the_code_of_their_keys(vectors):
    operator = (vectors / "key-ecdsa-p256-pub.raw").read_bytes()
    files = frozen("sim", change=lambda layout: layout.with_access(AccessPolicy("token", (operator,))))
    assert has(files, "crypto/ed25519", "crypto/p256", "crypto/rsa") == [True, True, False]


def test_tables_of_keys_bring_the_generators_tables(vectors):
    ed25519 = (vectors / "key-ed25519-pub.raw").read_bytes()[-32:]
    p256 = (vectors / "key-ecdsa-p256-pub.raw").read_bytes()
    names = ("crypto/ed25519_comb", "crypto/base_ed25519", "crypto/base_p256")
    for key, expected in ((ed25519, [True, True, False]), (p256, [False, False, True])):
        assert has(frozen("qemu", [key]), *names) == [False] * 3
        files = frozen("qemu", [key], change=lambda layout: replace(layout, key_tables=True))
        assert has(files, *names) == expected
        assert not any(has(files, "crypto/ed25519_table", "crypto/p256_table"))


def imports_at_once(source):
    """Modules of the bootloader that `source` imports when it is imported, as a plain reading of its top."""
    for node in ast.parse(source).body:
        for inner in ast.walk(node) if isinstance(node, ast.Try) else [node]:
            if isinstance(inner, ast.ImportFrom) and (inner.module or "").startswith("ophion_boot"):
                yield inner.module, [alias.name for alias in inner.names]
            elif isinstance(inner, ast.Import):
                yield from ((alias.name, []) for alias in inner.names if alias.name.startswith("ophion_boot"))


@pytest.mark.parametrize("board", ["qemu", *STRATEGIES, "sim-runtime"])
def test_nothing_that_is_imported_at_once_is_missing(board):
    files = frozen(board)
    sources = product_files()
    count = 0
    for path in files - {"ophion_layout.py"}:
        for module, names in imports_at_once(sources[path]):
            place = module.replace(".", "/")
            found = {f"{place}.py", f"{place}/__init__.py"} & files
            assert found or "edwards" in module or "_plain" in module, (path, module)
            count += 1
            for name in names:
                if f"{place}/{name}.py" in sources:
                    assert f"{place}/{name}.py" in files, (path, module, name)
    assert count > 100
