"""The bill of materials: valid CycloneDX, whole, and the same for the same image."""

import hashlib
import json
import re

import pytest
from cyclonedx.model.bom import Bom
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from ophion.build import build
from ophion.package import load_image
from ophion.versions import PRODUCT

FILES = {"main.py": "import helper\n", "data/table.txt": "one two three four five\n"}


def check(text):
    """The document, valid by the schema and by the reference implementation's own reader."""
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    value = json.loads(text)
    bom = Bom.from_json(json.loads(text))
    assert bom.metadata.component.name == value["metadata"]["component"]["name"]
    assert bom.validate()
    return value


@pytest.fixture
def made(workshop, web, cli):
    """Build and sign an application with dependencies; (what `ophion sign` says, its folder)."""
    web.package("helper", "1.2.0", {"helper.py": b"import more\n"}, needs=[["more", "2.0"]], license="MIT")
    web.package("more", "2.0", {"more/__init__.py": b"pass\n"})
    web.pages["/Org/Repo/v1/one.py"] = b"pass\n"
    toml = (
        f'\n[dependencies]\nhelper = "1.2.0"\none = "github:Org/Repo/one.py@v1"\n'
        f'[sources]\nindex = "{web.url}"\ngithub = "{web.url}"\n'
        '[sign]\nkey = "../key.pem"\nmin_runtime = "1.26.0"\n'
    )
    folder = workshop.app(FILES, toml=toml)
    assert cli("build", folder).code == 0
    return cli("sign", folder / "build" / "app-1.0.0.romfs", "--json").json(), folder


def test_it_says_what_is_in_the_image(made):
    signed, folder = made
    text = (folder / "build" / "app-1.0.0.cdx.json").read_text()
    assert signed["sbom"].endswith("app-1.0.0.cdx.json")
    value = check(text)
    subject = value["metadata"]["component"]
    image = load_image(signed["image"])
    assert subject["hashes"] == [{"alg": "SHA-256", "content": hashlib.sha256(image.data).hexdigest()}]
    facts = {entry["name"]: entry["value"] for entry in subject["properties"]}
    assert facts["ophion:hash"] == image.hash.hex() == signed["hash"]
    assert facts["ophion:keyhash"] == image.keyhash.hex()
    tools = {tool["name"]: tool["version"] for tool in value["metadata"]["tools"]["components"]}
    assert tools["ophion"] == PRODUCT and tools["mpy-cross"].startswith("MicroPython v")
    parts = {part["name"]: part for part in value["components"]}
    assert parts["micropython"]["version"] == "1.26.0"
    assert parts["ophion-bootloader"]["version"] == PRODUCT
    assert (parts["helper"]["version"], parts["helper"]["licenses"]) == (
        "1.2.0",
        [{"license": {"name": "MIT"}}],
    )
    assert parts["one"]["purl"] == "pkg:github/org/repo@v1"


def test_every_file_is_there_with_its_hash(made):
    signed, folder = made
    value = json.loads((folder / "build" / "app-1.0.0.cdx.json").read_text())
    flat = [*value["components"], *[c for part in value["components"] for c in part.get("components", ())]]
    named = {part["name"]: part["hashes"][0]["content"] for part in flat if part["type"] == "file"}
    image = load_image(signed["image"])
    there = {
        file.path: hashlib.sha256(image.payload[file.offset : file.offset + file.size]).hexdigest()
        for file in image.files()
    }
    assert named == there and len(there) == 5


def test_the_graph_leads_to_every_package(made):
    value = json.loads((made[1] / "build" / "app-1.0.0.cdx.json").read_text())
    graph = {row["ref"]: row.get("dependsOn", []) for row in value["dependencies"]}
    seen, waiting = set(), ["image"]
    while waiting:
        ref = waiting.pop()
        seen.add(ref)
        waiting += [need for need in graph.get(ref, []) if need not in seen]
    libraries = {part["bom-ref"] for part in value["components"] if part["type"] == "library"}
    assert len(libraries) == 3 and libraries < seen and {"micropython", "bootloader"} < seen
    assert graph["package:helper@1.2.0"] == ["package:more@2.0"]


def test_the_same_image_has_the_same_one_and_no_traces(made, cli, tmp_path):
    folder = made[1]
    first = (folder / "build" / "app-1.0.0.cdx.json").read_text()
    again = cli("sign", folder / "build" / "app-1.0.0.romfs", "--out", tmp_path / "x.bin", "--json").json()
    assert again["sbom"] == str(tmp_path / "x.cdx.json")
    assert (tmp_path / "x.cdx.json").read_text() == first
    assert str(tmp_path) not in first and not re.search(r"timestamp", first)


def test_a_plain_application_and_an_encrypted_image(workshop, cli):
    folder = workshop.app({"main.py": "pass\n"})
    cli("build", folder)
    recipient = workshop.folder / "device.pem"
    assert cli("keys", "new", recipient, "--type", "x25519").code == 0
    words = ("sign", folder / "build" / "app-1.0.0.romfs", "-k", workshop.key)
    signed = cli(*words, "-E", recipient.with_suffix(".pub"), "--json").json()
    value = check((folder / "build" / "app-1.0.0.cdx.json").read_text())
    assert signed["encrypted"] is True
    assert "version" not in {c["name"]: c for c in value["components"]}["micropython"]


BROKEN = ['"files": [3]', '"files": [{"path": "x"}]', '"packages": [{}]', '"packages": 7', '"mpy": "6.3"']


@pytest.mark.parametrize("broken", BROKEN)
def test_a_manifest_that_somebody_changed_is_one_error_and_no_image(workshop, cli, broken):
    folder = workshop.app({"main.py": "pass\n"})
    cli("build", folder)
    manifest = folder / "build" / "app-1.0.0.json"
    value = {**json.loads(manifest.read_text()), **json.loads(f"{{{broken}}}")}
    manifest.write_text(json.dumps(value))
    failed = cli("sign", folder / "build" / "app-1.0.0.romfs", "-k", workshop.key)
    assert failed.code == 3 and "the manifest is not one of this ophion" in failed.err
    assert not list((folder / "build").glob("*.bin")) + list((folder / "build").glob("*.cdx.json"))


def test_a_payload_without_a_manifest_has_none_and_a_stale_manifest_is_an_error(workshop, cli):
    built = build(workshop.app({"main.py": "pass\n"}))
    payload = workshop.folder / "p.romfs"
    payload.write_bytes(built.payload)
    words = ("sign", payload, "-k", workshop.key, "--version", "1.0.0")
    assert "sbom" not in cli(*words, "--json").json()
    built.write(workshop.folder)
    (workshop.folder / "app-1.0.0.romfs").write_bytes(built.payload + b"x")
    failed = cli("sign", workshop.folder / "app-1.0.0.romfs", "-k", workshop.key)
    assert failed.code == 3 and "is the manifest of another payload" in failed.err
    assert not (workshop.folder / "app-1.0.0.bin").exists()
