"""`ophion sign`: with a key at hand, in a token, or by somebody else far away."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ophion.cli.complete import keys
from ophion.cli.key_verbs import PassphraseFile, passphrase_source
from ophion.cli.output import Json, byte_count, show
from ophion.cli.sign_options import app_defaults, image_options, read_version
from ophion.errors import UsageError

if TYPE_CHECKING:
    from ophion.keys import PublicKey
    from ophion.keys.chain import Chain
    from ophion.sign import SignOptions
    from ophion.versions import Version

Payload = Annotated[
    Path | None,
    typer.Argument(
        metavar="PAYLOAD", help="What `ophion build` made, or its folder (default: the application here)."
    ),
]
Key = Annotated[
    str,
    typer.Option(
        "--key",
        "-k",
        metavar="URI",
        autocompletion=keys,
        help="The signing key: PATH, file:PATH or pkcs11:...",
    ),
]
Out = Annotated[
    Path | None, typer.Option("--out", "-o", metavar="FILE", help="Default: PAYLOAD with suffix .bin.")
]
VersionText = Annotated[
    str, typer.Option("--version", metavar="X.Y.Z[+B]", help="Default: from the manifest beside PAYLOAD.")
]
Counter = Annotated[
    str, typer.Option(metavar="N|auto", help="Add a security counter; auto: from the version.")
]
Dependencies = Annotated[
    list[str] | None,
    typer.Option("--dependency", "-d", metavar='"(I, X.Y.Z)"', help="Image number I must be at least X.Y.Z."),
]
Custom = Annotated[
    list[str] | None, typer.Option(metavar="TYPE=HEX", help="Add a signed vendor TLV (0xa0=0102).")
]
Hardware = Annotated[
    list[str] | None,
    typer.Option(metavar="ID", help="Only for boards with this hardware id (may be given again)."),
]
Runtime = Annotated[
    str, typer.Option("--min-runtime", metavar="X.Y.Z", help="Only for this MicroPython or a newer one.")
]
ChainFile = Annotated[
    Path | None,
    typer.Option("--chain", metavar="CHAIN", help="Put the chain of the signing key into the image."),
]
HeaderSize = Annotated[
    int, typer.Option(parser=byte_count, metavar="BYTES", help="Bytes before the payload.")
]
MaxSize = Annotated[
    int | None,
    typer.Option("--max-size", parser=byte_count, metavar="BYTES", help="The most the slot takes (512K)."),
]
Encrypt = Annotated[
    list[Path] | None,
    typer.Option(
        "--encrypt", "-E", metavar="PUB", help="Encrypt to this X25519 or P-256 key (may be given again)."
    ),
]
KeyLength = Annotated[
    int, typer.Option("--encrypt-keylen", metavar="BITS", help="Bits of the AES key: 128 or 256.")
]
Export = Annotated[
    Path | None,
    typer.Option(
        "--export-digest", metavar="FILE", help="Sign nothing: write what is to be signed elsewhere."
    ),
]
Import = Annotated[
    Path | None,
    typer.Option(
        "--import-signature", metavar="FILE", help="A signature made elsewhere; --key is its public key."
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Replace a different file at the output.")]


def register(app: typer.Typer) -> None:
    """Add the verb of this module to `app`."""
    app.command("sign")(sign_payload)


def sign_payload(
    payload: Payload = None,
    key: Key = "",
    out: Out = None,
    version: VersionText = "",
    security_counter: Counter = "",
    dependency: Dependencies = None,
    custom_tlv: Custom = None,
    hardware: Hardware = None,
    min_runtime: Runtime = "",
    chain: ChainFile = None,
    header_size: HeaderSize = 0x20,
    max_size: MaxSize = None,
    encrypt: Encrypt = None,
    encrypt_keylen: KeyLength = 128,
    passphrase_file: PassphraseFile = None,
    export_digest: Export = None,
    import_signature: Import = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Make a signed MCUboot image of a payload.

    Its bill of materials is written beside it.
    What no option says is taken from [sign] in the application's ophion.toml.
    """
    from ophion.files import read_file

    path, defaults, room = app_defaults(payload)
    if export_digest is None and import_signature is None:
        key = key or defaults.key
    _check_words(key, export_digest, import_signature, out)
    options, found = image_options(
        defaults,
        room,
        counter=security_counter,
        dependencies=dependency,
        custom=custom_tlv,
        header_size=header_size,
        max_size=max_size,
        encrypt=encrypt,
        aes_bits=encrypt_keylen,
        hardware=hardware,
        min_runtime=min_runtime,
        chain=chain,
    )
    data = read_file(path, "payload")
    chosen = read_version(path, version)
    if (security_counter or defaults.security_counter) == "auto":
        options = options.with_counter(chosen.security_counter)
    work = _Work(path, data, chosen, options, found, force, min_runtime or defaults.min_runtime)
    if export_digest is not None:
        value, text = work.export(export_digest)
    else:
        value, text = work.sign(out, key, passphrase_file, import_signature)
    show(as_json, value, text)


def _check_words(key: str, export: Path | None, signature: Path | None, out: Path | None) -> None:
    if export is not None and signature is not None:
        raise UsageError(
            "--export-digest and --import-signature exclude each other", "first one, then the other"
        )
    if export is not None and (key or out):
        raise UsageError(
            "--export-digest takes no --key and no --out",
            "the digest is the same for every key; no image is made",
        )
    if export is None and not key:
        what = "the public key of the signature" if signature else "the signing key"
        raise UsageError(
            f"no key: --key names {what}",
            "`ophion keys new key.pem` makes a key; [sign] in ophion.toml can name it",
        )


class _Work:
    """One payload with all that was asked of its image."""

    def __init__(
        self,
        path: Path,
        payload: bytes,
        version: Version,
        options: SignOptions,
        chain: Chain | None,
        force: bool,
        runtime: str,
    ) -> None:
        from ophion.build.sbom import load_manifest

        self._path = path
        self._payload = payload
        self._version = version
        self._options = options
        self._chain = chain
        self._force = force
        self._runtime = runtime
        self._manifest = load_manifest(path, payload)

    def export(self, target: Path) -> tuple[dict[str, Any], str]:
        """Write the digest to `target`; what to say about it."""
        from ophion.sign import image_digest, write_image
        from ophion.sign.formats import IMAGE_KEYS

        digest = image_digest(self._payload, self._version, self._options)
        write_image(target, digest, self._path, force=self._force)
        value = {
            "digest": digest.hex(),
            "file": str(target),
            "version": str(self._version),
            "sign": {algorithm.value: algorithm.signs for algorithm in IMAGE_KEYS},
        }
        hint = "when it is signed: the same command with --import-signature SIGNATURE --key KEY.pub"
        return value, f"{target}  {len(digest)} bytes to be signed: {digest.hex()}\n{hint}"

    def sign(
        self, out: Path | None, key: str, passphrase_file: Path | None, signature: Path | None
    ) -> tuple[dict[str, Any], str]:
        """Write the image, signed by `key` or with the given signature; what to say about it."""
        from ophion.build.sbom import bill_path
        from ophion.files import write_file
        from ophion.keys import open_signer
        from ophion.sign import assemble, image_digest, sign, write_image

        digest = image_digest(self._payload, self._version, self._options)
        source = passphrase_source(passphrase_file, key)
        if signature is None:
            signer = open_signer(key, source)
            self._check_chain(signer.public)
            image = sign(self._payload, self._version, signer, self._options)
            public = signer.public
        else:
            public, made = _outside(key, signature, digest, passphrase_file)
            self._check_chain(public)
            image = assemble(self._payload, self._version, public, made, self._options)
        facts = {"hash": digest.hex(), "keyhash": public.keyhash.hex(), "min_runtime": self._runtime}
        bill = self._sbom(image, facts)
        target = out or self._path.with_suffix(".bin")
        write_image(target, image, self._path, force=self._force)
        value = {
            "image": str(target),
            "size": len(image),
            "version": str(self._version),
            "hash": digest.hex(),
            "signed_by": public.algorithm.value,
            "keyhash": public.keyhash.hex(),
            "encrypted": bool(self._options.recipients),
        }
        if bill:
            value["sbom"] = str(bill_path(target))
            write_file(bill_path(target), bill)
        return value, f"{target}  {len(image)} bytes, version {self._version}, hash {digest.hex()[:12]}..."

    def _sbom(self, image: bytes, facts: dict[str, str]) -> bytes:
        """The bill of materials of the image, b"" for a payload without manifest."""
        from ophion.build.sbom import sbom

        if self._manifest is None:
            return b""
        return sbom({**self._manifest, "version": str(self._version)}, image, facts)

    def _check_chain(self, public: PublicKey) -> None:
        """An image whose chain is for another key would be refused by every device."""
        if self._chain is not None:
            self._chain.check_signs_with(public)


def _outside(key: str, signature: Path, digest: bytes, passphrase_file: Path | None) -> tuple[Any, bytes]:
    """The public key and the signature, checked, of somebody who signed elsewhere."""
    from ophion.files import read_file
    from ophion.keys import open_public, refuse_sample
    from ophion.sign import read_signature

    public = open_public(key, passphrase_source(passphrase_file, key))
    refuse_sample(public)
    return public, read_signature(read_file(signature, "signature"), public, digest)
