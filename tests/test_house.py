"""The order of the house: import directions, sizes, and documents that say what the code says."""

import ast
import dataclasses
import re
from pathlib import Path

import pytest
from ophion.build.layout import Health
from ophion_boot.core import health, release
from ophion_boot.core.decide import ANY, NAMES, TABLE

# What the tables of the SPEC call actions and endings.
HEALTH = {
    health.RUN: "run",
    health.WELL: "run, misses 0",
    health.COUNT: "run, misses + 1",
    health.SERVE: "recovery",
    health.MISS: "recovery, misses + 1",
    health.BACK: "back",
    health.STAY: "recovery for good",
}
ENDINGS = {health.LEFT: "left", health.WARM: "warm", health.RESET: "reset", health.FAULT: "fault"}
RELEASE = {
    release.BEGIN: "begin",
    release.TRY: "try",
    release.BACK: "back",
    release.RETURN: "return",
    release.ACCEPT: "accept",
    release.SETTLE: "settle",
    release.NOTHING: "nothing",
}
ROOT = Path(__file__).parents[1]
SPEC = (ROOT / "bootloader" / "SPEC.md").read_text()
CODE = ["bootloader", "firmware", "host", "tests"]
# MicroPython modules that are hardware: nothing that decides may import them.
HARDWARE = {"machine", "bluetooth", "esp32", "esp", "network", "ophion_sim", "vfs", "time"}
# module prefix -> prefixes of ophion_boot and ophion that it may import.
_HELPERS = ("ophion.errors", "ophion.files", "ophion.ports", "ophion.versions")
_CORE = ("ophion_boot.compat", "ophion_boot.fmt", "ophion_boot.core")
MAY_IMPORT = {
    "ophion_boot.compat": (),
    "ophion_boot.fmt": ("ophion_boot.compat", "ophion_boot.fmt"),
    "ophion_boot.crypto": ("ophion_boot.compat", "ophion_boot.crypto"),
    "ophion_boot.core": (*_CORE, "ophion_boot.crypto"),
    "ophion_boot.port": (*_CORE, "ophion_boot.port"),
    "ophion_boot.service": (*_CORE, "ophion_boot.port"),
    "ophion_boot.main": ("ophion_boot", "ophion_layout"),
    "ophion.build": ("ophion.build", "ophion.keys", *_HELPERS, *_CORE, "ophion_boot.crypto"),
    "ophion.install": ("ophion.install", "ophion.build", *_HELPERS, *_CORE),
    "ophion.keys": ("ophion.keys", *_HELPERS, "ophion_boot.fmt"),
    "ophion.sign": ("ophion.sign", "ophion.keys", *_HELPERS, "ophion_boot.fmt"),
    "ophion.package": ("ophion.package", "ophion.keys.public", *_HELPERS, *_CORE),
    "ophion.delta": ("ophion.delta", "ophion.package", *_HELPERS, *_CORE),
    "ophion.push": (
        "ophion.push",
        "ophion.delta",
        "ophion.package",
        "ophion.keys",
        *_HELPERS,
        "ophion.sim",
        "ophion_boot.fmt",
    ),
    "ophion.provision": (
        "ophion.provision",
        "ophion.build",
        "ophion.keys",
        *_HELPERS,
        "ophion_boot.fmt",
    ),
    "ophion.sim": ("ophion.sim", "ophion.build", *_HELPERS),
}


def python_files(*folders):
    return [
        p
        for folder in folders
        for p in sorted((ROOT / folder).rglob("*.py"))
        if "build/lib" not in p.as_posix()
    ]


def imports_of(path):
    """Every absolute module that `path` imports, at any depth."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


def module_of(path):
    for base in ("bootloader", "host"):
        if path.is_relative_to(ROOT / base):
            return ".".join(path.relative_to(ROOT / base).with_suffix("").parts).removesuffix(".__init__")
    return ""


def within(name, prefixes):
    return any(name == prefix or name.startswith(prefix + ".") for prefix in prefixes)


def test_import_directions():
    seen = set()
    for path in python_files("bootloader/ophion_boot", "host/ophion"):
        module = module_of(path)
        rule = next((prefix for prefix in MAY_IMPORT if within(module, (prefix,))), None)
        if rule is None or "sim/device" in path.as_posix() or "templates" in path.as_posix():
            continue
        seen.add(rule)
        for name in imports_of(path):
            if name.split(".")[0] in ("ophion_boot", "ophion", "ophion_layout"):
                assert within(name, MAY_IMPORT[rule]), f"{module} imports {name}"
    assert seen == set(MAY_IMPORT), "a rule without a module"


def test_what_decides_knows_no_hardware():
    files = python_files(
        "bootloader/ophion_boot/fmt", "bootloader/ophion_boot/crypto", "bootloader/ophion_boot/core"
    )
    assert len(files) > 15
    for path in files:
        assert not imports_of(path) & HARDWARE, path


@pytest.mark.parametrize("folder", CODE)
def test_sizes(folder):
    files = python_files(folder)
    assert files
    for path in files:
        text = path.read_text()
        assert text.count("\n") <= 500, path
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert node.end_lineno - node.lineno < 80, (path, node.name)


def test_the_decision_table_of_the_spec_is_the_code():
    words = {True: "yes", False: "no", ANY: "-"}
    section = SPEC.split("## 3.")[1].split("## 4.")[0]
    rows = [line for line in section.splitlines() if line.startswith("| ") and "revert noted" not in line]
    expected = [
        "| " + " | ".join([row[0], *(words[v] for v in row[1:9]), NAMES[row[9]]]) + " |" for row in TABLE
    ]
    assert rows == expected


def test_the_release_table_of_the_spec_is_the_code():
    words = {True: "yes", False: "no", ANY: "-"}
    section = SPEC.split("### 4.6")[1].split("### 4.7")[0].split("| row |")[1]
    rows = [line for line in section.splitlines()[1:] if line.startswith("| ")]
    expected = [
        "| " + " | ".join([row[0], *(words[v] for v in row[1:8]), RELEASE[row[8]]]) + " |"
        for row in release.TABLE
    ]
    assert rows == expected


def test_the_health_table_of_the_spec_is_the_code():
    words = {True: "yes", False: "no", ANY: "-"}
    section = SPEC.split("### 10.1")[1].split("### 10.2")[0].split("| row |")[1]
    rows = [line for line in section.splitlines()[1:] if line.startswith("| ")]
    expected = [
        "| "
        + " | ".join(
            [
                row[0],
                *(words[v] for v in row[1:3]),
                ENDINGS.get(row[3], "-"),
                *(words[v] for v in row[4:8]),
                HEALTH[row[8]],
            ]
        )
        + " |"
        for row in health.TABLE
    ]
    assert rows == expected


def test_the_policy_of_health_in_the_spec_is_the_layouts():
    section = SPEC.split("## 10. Health")[1].split("### 10.1")[0]
    rows = dict(re.findall(r"^\| (\w+) \| (\S+) \| .+ \|$", section, re.M))
    del rows["entry"]
    expected = {
        field.name: f'"{field.default}"' if field.name == "confirm" else str(field.default)
        for field in dataclasses.fields(Health)
    }
    assert rows == expected


def test_the_stricter_list_of_the_spec_is_the_tests():
    from test_verify import STRICTER

    section = SPEC.split("### 1.4")[1].split("### 1.5")[0]
    rows = re.findall(r"^\| (.+?) \| .+ \|$", section, re.M)
    assert rows[0] == "image"
    assert rows[1:] == list(STRICTER)


def test_the_romfs_list_of_the_spec_is_the_tests():
    from romfs_cases import BAD

    section = SPEC.split("### 1.5")[1].split("## 2.")[0].split("| image |")[1]
    assert re.findall(r"^\| (\w.+?) \| .+ \|$", section, re.M) == [case[0] for case in BAD]


def test_spec_numbers_are_the_codes():
    from ophion_boot.core.eventlog import EVENTS_MAX, TEXT_MAX
    from ophion_boot.core.journal import TRIALS_MAX, trailer_bytes

    assert f"at most {EVENTS_MAX} entries, texts of at most {TEXT_MAX}" in SPEC
    assert TRIALS_MAX == 8 and trailer_bytes(8, 4, 2) == 32 + 8 * 8 + 2 * 8 * 4 + 5 * 8 + 16
    assert trailer_bytes(8, 4, 2, True) == trailer_bytes(8, 4, 2) + 320
    service = (ROOT / "bootloader/ophion_boot/service.py").read_text()
    size, count = (
        re.search(rf"_BUF_{name} = const\((\d+)\)", service).group(1) for name in ("SIZE", "COUNT")
    )
    assert f'`{{"buf_size": {size}, "buf_count": {count}}}`' in SPEC


def test_documents_name_files_and_tests_that_exist():
    names = {p.name for p in python_files("tests")}
    for document in ("README.md", "bootloader/DESIGN.md", "bootloader/SPEC.md"):
        text = (ROOT / document).read_text()
        for name in re.findall(r"`(?:tests/\S*?/?)?(test_\w+\.py)`?", text):
            assert name in names, (document, name)
        for path in re.findall(
            r"`((?:tests|bootloader|decisions|firmware|host|tools|boards)/[\w./-]*)`", text
        ):
            place = ROOT / "bootloader" / path if path.startswith("decisions") else ROOT / path
            assert place.exists(), (document, path)
        for function in re.findall(r"`(test_\w+)`", text):
            assert any(f"def {function}(" in p.read_text() for p in python_files("tests")), (
                document,
                function,
            )


def sections(text):
    """{heading: text up to the next heading} of a document, headings without text left out."""
    parts = re.split(r"^(#+ .+)$", text, flags=re.M)
    return {heading: body for heading, body in zip(parts[1::2], parts[2::2], strict=True) if body.strip()}


def test_every_section_of_the_spec_names_tests_that_are_there():
    files = {path.name: path.read_text() for path in python_files("tests")}
    assert len(sections(SPEC)) > 20
    for heading, body in sections(SPEC).items():
        named = set(re.findall(r"`(?:tests/\S*?/?)?(test_\w+\.py)`", body))
        assert named, f"no test is named in {heading}"
        for function in re.findall(r"`(test_\w+)`", body):
            assert any(f"def {function}(" in files[name] for name in named), (heading, function)


def test_the_rules_of_trust_in_the_spec_are_the_codes():
    from ophion_boot.core.trust_rules import RULES

    words = {True: "yes", False: "no"}
    section = SPEC.split("### 8.5")[1].split("### 8.6")[0]
    rows = [line for line in section.splitlines() if line.startswith("| ") and "gone on" not in line]
    assert rows == [f"| {name} | {words[old]} | {words[spared]} |" for name, _, old, spared in RULES]


def test_the_table_of_access_in_the_spec_is_the_codes():
    from ophion.build.access import AccessPolicy
    from ophion_boot.core import access, bonds

    section = SPEC.split("## 11. Access")[1]
    rows = re.findall(r"^\| (\w+) \| (\w+) \| ((?:look|read|change)[\w, ]*) \|$", section, re.M)
    assert rows == [(mode, who, ", ".join(kinds)) for (mode, who), kinds in access.TABLE.items()]
    looks = re.search(r"^Look: (.+?)\. Everything", section, re.M).group(1).split("; ")
    assert looks == [
        f"{group}, {command} {'write' if write else 'read'}" for group, command, write in access.LOOK_AT
    ]
    policy = AccessPolicy()
    for entry, default in (("mode", policy.mode), ("passkey", policy.passkey)):
        assert f'| {entry} | "{default}" |' in section
    assert f"At most {bonds.BONDS_MAX} peers" in section


def test_the_keys_and_limits_of_trust_in_the_spec_are_the_codes():
    from ophion_boot.core import trust_cell
    from ophion_boot.fmt import statement
    from ophion_boot.fmt.key import ALGORITHMS

    section = SPEC.split("### 8.1")[1].split("### 8.2")[0]
    rows = re.findall(
        r"^\| (0x\w\w) \| (.+?) \| .+? \| (\d+) \| .*?(?:(\d+) to )?(\d+) bytes.* \|$", section, re.M
    )
    found = {
        int(code, 16): (name, int(size), int(least or most), int(most))
        for code, name, size, least, most in rows
    }
    assert found == {code: (row[0], row[1], row[4], row[5]) for code, row in ALGORITHMS.items()}
    for text in (
        f"At most {statement.STATEMENTS_MAX} statements and {statement.CHAIN_MAX} bytes",
        f"At most {statement.STATEMENT_MAX} bytes.",
        f"number of keys (1 to {statement.ROOTS_MAX})",
        f"u8 number (1 to {statement.SIGNATURES_MAX})",
        f"revoked ({trust_cell.REVOKED_MAX} at most)",
        f"({trust_cell.PATH_MAX} at most, {trust_cell.PATH_BYTES_MAX} bytes;",
        f"each of the last {trust_cell.ISSUERS_MAX}\nissuers",
        f'`"known"`, at most {trust_cell.KNOWN_MAX}',
    ):
        assert text in SPEC, text


def test_the_events_of_the_spec_are_the_codes():
    code = "".join(path.read_text() for path in python_files("bootloader", "firmware"))
    events = re.search(r"^Events: (.+)\.$", SPEC, re.M).group(1).split(", ")
    assert set(events) == set(re.findall(r"log\.add\(\s*\"(\w+)\"", code))


def test_the_radio_of_the_spec_is_the_codes():
    ble = (ROOT / "bootloader/ophion_boot/port/ble.py").read_text()
    value = dict(re.findall(r"^(_[A-Z_]+) = (?:const\()?\"?([\w-]+)", ble, re.M))
    text = SPEC.split("### 6.1")[1].split("### 6.3")[0]
    assert f"Service `{value['_SERVICE']}`" in text
    assert f"Characteristic `{value['_CHARACTERISTIC']}`" in text
    assert f"MTU {value['_MTU']}." in text and f"MTU - {value['_ATT_OVERHEAD']} bytes" in text
    assert f"forgotten after {int(value['_SILENCE_MS']) // 1000} s" in text
    assert f"comes {value['_RESET_DELAY_MS']} ms after the answer" in text


def test_the_first_screen_of_the_readme_is_short():
    lines = (ROOT / "README.md").read_text().split("## The same by hand")[0].count("\n")
    assert lines < 60


def test_make_help_lists_every_target():
    text = (ROOT / "Makefile").read_text()
    targets = re.findall(r"^\.PHONY: (\S+)$", text, re.M)
    assert {"help", "setup", "demo", "check", "test"} <= set(targets)
    for target in targets:
        assert re.search(rf"^{target}:.*## \S", text, re.M), target
