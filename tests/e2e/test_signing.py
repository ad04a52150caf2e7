"""Signing in a token for a device, and the sessions of host/docs/howto/keys.md as they stand there."""

from pathlib import Path

import pytest
from ophion.errors import RefusedError
from ophion.keys import generate, load_public, open_signer
from ophion.package import load_image, verify_image
from ophion.push import Confirmed, push
from ophion.sign import sign

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "host" / "docs" / "howto" / "keys.md").read_text()


def image(bench, version, signer):
    """An image of the scaffold, signed by `signer`."""
    payload, number = bench.payload(version)
    path = bench.directory / f"{version}.bin"
    path.write_bytes(sign(payload, number, signer))
    return load_image(path)


async def test_a_device_takes_images_signed_in_a_token_and_no_others(bench, token, tmp_path):
    generate(tmp_path / "hsm.pem")
    token.add(tmp_path / "hsm.pem", "release", "e2")
    (tmp_path / "hsm.pem").unlink()
    signer = open_signer(token.uri("object=release"))
    stranger = image(bench, "1.2.0", open_signer(str(bench.key)))
    bench.public = signer.public
    async with bench.device(image(bench, "1.0.0", signer).image) as sim:
        seen = [event async for event in push(image(bench, "1.1.0", signer), "e2e-device")]
        assert isinstance(seen[-1], Confirmed) and seen[-1].version == "1.1.0"
        with pytest.raises(RefusedError, match="unknown key"):
            [event async for event in push(stranger, "e2e-device")]
        await sim.reset("hard")
        await sim.wait_console("ophion: 1.1.0 runs")


def sessions():
    """The lines of all sessions of the document."""
    blocks = [
        part.split("```console\n")[1].split("```")[0] for part in DOCUMENT.split("<!-- session -->")[1:]
    ]
    lines = [line for block in blocks for line in block.splitlines()]
    assert len(blocks) == 8 and all(line.startswith("$ ") for line in lines) and len(lines) > 25
    return [line.removeprefix("$ ") for line in lines]


def test_the_sessions_of_the_document_run(tmp_path, shell):
    said = shell(sessions())
    assert said.count("Image was correctly validated") == 2
    for name in ("hsm", "far"):
        verify_image(load_image(tmp_path / f"{name}.bin"), [load_public(tmp_path / f"{name}.pub")])
    assert (tmp_path / "encrypted.bin").stat().st_size > (tmp_path / "far.bin").stat().st_size
    assert not (tmp_path / "hsm.pem").exists()


def test_the_document_names_every_option_of_signing():
    from ophion.cli import key_verbs, sign_verb

    words = (Path(sign_verb.__file__).read_text() + Path(key_verbs.__file__).read_text()).split('"')
    new = {"--passphrase-file", "--export-digest", "--import-signature", "--encrypt", "--encrypt-keylen"}
    assert new <= set(words)
    for option in new:
        assert option in DOCUMENT, option
