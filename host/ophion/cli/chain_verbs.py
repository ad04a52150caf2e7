"""`ophion keys chain`, `rotate`, `revoke`: statements about keys, for images and for devices."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ophion.cli.key_verbs import PassphraseFile, keys, passphrase_source
from ophion.cli.output import Json, show
from ophion.errors import UsageError

if TYPE_CHECKING:
    from ophion_boot.fmt.statement import Statement

    from ophion.keys import PublicKey, Signer
    from ophion.keys.chain import Chain, KeyLimits

Key = Annotated[str, typer.Argument(metavar="KEY", help="The key that the statement is about.")]
Keys = Annotated[list[str], typer.Argument(metavar="KEY...", help="The root keys, up to five.")]
File = Annotated[Path, typer.Argument(metavar="CHAIN", help="A chain file.")]
Files = Annotated[list[Path], typer.Argument(metavar="CHAIN...", help="Chain files.")]
By = Annotated[
    list[str], typer.Option("--by", metavar="URI", help="Who signs: PATH, file:PATH or pkcs11:... (again).")
]
Out = Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="The chain file to write.")]
VersionOf = Annotated[
    int, typer.Option("--version", min=1, metavar="N", help="Version of the statement: higher supersedes.")
]
Under = Annotated[
    Path | None, typer.Option("--under", metavar="CHAIN", help="Chain with the intermediate key that signs.")
]
Hardware = Annotated[str, typer.Option("--hw", metavar="ID", help="Only for this hardware id.")]
Images = Annotated[
    list[int] | None, typer.Option("--image", metavar="N", help="Only for this image number (again).")
]
Least = Annotated[
    int, typer.Option("--counter-min", metavar="N", help="Only for security counters from N on.")
]
Most = Annotated[
    int,
    typer.Option(
        "--counter-max", metavar="N", help="Only up to N: then the key has expired.", show_default=False
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Replace an existing file.")]
_COUNTER_MAX = 0xFFFFFFFF

chain = typer.Typer(
    help="Who may sign: roots, intermediate keys, signing keys.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


def register(app: typer.Typer) -> None:
    """Add the verbs of this module to `ophion keys`."""
    if "chain" not in [group.name for group in keys.registered_groups]:
        keys.add_typer(chain, name="chain")
        keys.command("rotate")(rotate)
        keys.command("revoke")(revoke)


@chain.command("roots")
def chain_roots(
    key: Keys,
    by: By,
    out: Out,
    threshold: Annotated[int, typer.Option(min=1, metavar="T", help="How many of them have to sign.")] = 1,
    version: VersionOf = 1,
    passphrase_file: PassphraseFile = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """State the root keys.

    A later set (--version 2) is signed by enough old and enough new roots.
    """
    from ophion.keys.chain import root_set

    publics = [_public(name, passphrase_file) for name in key]
    made = root_set(publics, threshold, _signers(by, passphrase_file), version)
    _write([made], out, force, as_json)


@chain.command("intermediate")
def chain_intermediate(
    key: Key,
    by: By,
    out: Out,
    version: VersionOf = 1,
    hw: Hardware = "",
    image: Images = None,
    counter_min: Least = 0,
    counter_max: Most = _COUNTER_MAX,
    passphrase_file: PassphraseFile = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """State an intermediate key; roots sign it."""
    from ophion.keys.chain import INTERMEDIATE, key_statement

    limits = _limits(hw, image, counter_min, counter_max)
    public = _public(key, passphrase_file)
    made = key_statement(INTERMEDIATE, public, _signers(by, passphrase_file), version, limits)
    _write([made], out, force, as_json)


@chain.command("signing")
def chain_signing(
    key: Key,
    by: By,
    under: Annotated[
        Path, typer.Option("--under", metavar="CHAIN", help="Chain with the intermediate key that signs.")
    ],
    out: Out,
    version: VersionOf = 1,
    hw: Hardware = "",
    image: Images = None,
    counter_min: Least = 0,
    counter_max: Most = _COUNTER_MAX,
    passphrase_file: PassphraseFile = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """State a signing key; the intermediate key signs it.

    The result is whole: for `ophion sign --chain`.
    """
    from ophion.keys.chain import SIGNING, load_chain

    limits = _limits(hw, image, counter_min, counter_max)
    above = [one for one in load_chain(under).statements if one.role != SIGNING]
    made = _by_intermediate(above, under, _public(key, passphrase_file), by, version, limits, passphrase_file)
    _write([*above, made], out, force, as_json)


@chain.command("sign")
def chain_sign(
    file: File,
    by: By,
    out: Out,
    passphrase_file: PassphraseFile = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Add signatures of roots that are somewhere else.

    They go to every statement of CHAIN that roots sign.
    """
    from ophion_boot.fmt.statement import BY_ROOTS

    from ophion.keys.chain import add_signatures, load_chain

    signers = _signers(by, passphrase_file)
    statements = load_chain(file).statements
    if not any(one.issuer == BY_ROOTS for one in statements):
        raise UsageError(f"{file} holds no statement that roots sign")
    _write(
        [add_signatures(one, signers) if one.issuer == BY_ROOTS else one for one in statements],
        out,
        force,
        as_json,
    )


@chain.command("join")
def chain_join(files: Files, out: Out, force: Force = False, as_json: Json = False) -> None:
    """Put the statements of several files into one chain."""
    from ophion.keys.chain import load_chain

    _write([one for path in files for one in load_chain(path).statements], out, force, as_json)


@chain.command("show")
def chain_show(file: File, as_json: Json = False) -> None:
    """Show what a chain states, and who signed it.

    Signatures are not checked here.
    """
    from ophion.keys.chain import load_chain

    value = describe_chain(load_chain(file))
    lines = []
    for item in value:
        lines.append(f"{item['role']} statement, version {item['version']}")
        facts = [
            (name, item[name]) for name in ("keyhash", "threshold", "keys", "limits", "stop", "signed_by")
        ]
        lines += [
            f"  {name:<10}{_words(name, fact)}" for name, fact in facts if fact not in (None, [], False)
        ]
    show(as_json, {"chain": str(file), "statements": value}, "\n".join(lines))


def rotate(
    file: File,
    key: Key,
    by: By,
    out: Out,
    passphrase_file: PassphraseFile = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Replace the last key of CHAIN by KEY.

    Same limits, next version. Deliver it, or sign images with it.
    """
    from ophion.keys.chain import INTERMEDIATE, SIGNING, KeyLimits, key_statement, load_chain

    statements = list(load_chain(file).statements)
    last = statements[-1]
    if last.role not in (INTERMEDIATE, SIGNING):
        raise UsageError(
            f"{file} ends with no key to replace", "new roots: `ophion keys chain roots --version`"
        )
    limits = KeyLimits.of(last)
    if limits is None:
        raise UsageError(
            f"the key in {file} is limited to hardware, of which it holds only a hash",
            "state it anew: `ophion keys chain intermediate` or `signing`, with --hw and --version",
        )
    public, version = _public(key, passphrase_file), last.version + 1
    if last.role == SIGNING:
        made = _by_intermediate(statements, file, public, by, version, limits, passphrase_file)
    else:
        made = key_statement(INTERMEDIATE, public, _signers(by, passphrase_file), version, limits)
    _write([*statements[:-1], made], out, force, as_json)


def revoke(
    key: Annotated[str, typer.Argument(metavar="KEY", help="The key to revoke, or its 64-digit hash.")],
    by: By,
    out: Out,
    under: Under = None,
    stop: Annotated[
        bool, typer.Option("--stop", help="Devices stop images that they run already, too.")
    ] = False,
    version: VersionOf = 1,
    passphrase_file: PassphraseFile = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """State that a key is not to be trusted any more.

    Roots sign, or with --under the intermediate key.
    """
    from ophion.keys.chain import INTERMEDIATE, load_chain, revocation

    subject = _hash(key, passphrase_file)
    signers = _signers(by, passphrase_file)
    if under is None:
        _write([revocation(subject, signers, version, stop=stop)], out, force, as_json)
        return
    intermediate = load_chain(under).need(INTERMEDIATE, str(under))
    issuer = _issuer(intermediate, signers, under)
    _write([intermediate, revocation(subject, signers, version, issuer, stop)], out, force, as_json)


def describe_chain(found: Chain) -> list[dict[str, Any]]:
    """The statements of a chain in plain values."""
    from ophion_boot.fmt.statement import ANY_HARDWARE, ROLES, STOP

    rows = []
    for one in found.statements:
        limits = one.limits
        rows.append(
            {
                "role": ROLES[one.role],
                "version": one.version,
                "issuer": one.issuer.hex(),
                "keyhash": one.subject.hex() or None,
                "stop": bool(one.flags & STOP),
                "threshold": one.threshold or None,
                "keys": [_key_id(key) for key in one.keys],
                "limits": limits
                and {
                    "hardware": None if limits.hardware == ANY_HARDWARE else limits.hardware.hex(),
                    "images": limits.images,
                    "counter_min": limits.counter_min,
                    "counter_max": limits.counter_max,
                },
                "signed_by": [key_id.hex() for key_id, _ in one.signatures],
                "size": len(one.bytes),
            }
        )
    return rows


def _by_intermediate(
    above: Sequence[Statement],
    where: Path,
    public: PublicKey,
    by: list[str],
    version: int,
    limits: KeyLimits,
    passphrase_file: Path | None,
) -> Statement:
    from ophion.keys.chain import INTERMEDIATE, SIGNING, Chain, key_statement

    intermediate = Chain(tuple(above)).need(INTERMEDIATE, str(where))
    signers = _signers(by, passphrase_file)
    issuer = _issuer(intermediate, signers, where)
    return key_statement(SIGNING, public, signers, version, limits, issuer)


def _issuer(intermediate: Statement, signers: Sequence[Signer], where: Path) -> PublicKey:
    """The one signer, who has to be the intermediate key."""
    if len(signers) != 1 or signers[0].public.keyhash != intermediate.subject:
        raise UsageError(
            f"--by is not the intermediate key of {where}",
            "see `ophion keys chain show` and `ophion keys show`",
        )
    return signers[0].public


def _write(statements: Sequence[Statement], out: Path, force: bool, as_json: bool) -> None:
    from ophion.files import write_file
    from ophion.keys.chain import Chain

    made = Chain.of(statements)
    write_file(out, made.data, overwrite=force)
    value = {"chain": str(out), "size": len(made.data), "statements": describe_chain(made)}
    names = "".join(f"\n  {one.name()}, signed by {_count(len(one.signatures))}" for one in made.statements)
    show(as_json, value, f"{out}  {len(made.data)} bytes{names}{_missing(made)}")


def _count(keys: int) -> str:
    return f"{keys} key" if keys == 1 else f"{keys} keys"


def _missing(made: Chain) -> str:
    """What a root set still lacks, as far as it says itself."""
    for one in made.statements:
        ids = {_key_id(key) for key in one.keys}
        count = len([1 for key_id, _ in one.signatures if key_id.hex() in ids])
        if count < one.threshold:
            return f"\n{one.name()} has {count} of {one.threshold} own signatures: `ophion keys chain sign`"
    return ""


def _limits(hw: str, image: list[int] | None, least: int, most: int) -> KeyLimits:
    from ophion.keys.chain import KeyLimits

    return KeyLimits(hw, tuple(image or ()), least, most)


def _signers(by: list[str], passphrase_file: Path | None) -> list[Signer]:
    from ophion.keys import open_signer

    return [open_signer(uri, passphrase_source(passphrase_file, uri)) for uri in by]


def _public(key: str, passphrase_file: Path | None) -> PublicKey:
    from ophion.keys import open_public, refuse_sample

    public = open_public(key, passphrase_source(passphrase_file, key))
    refuse_sample(public)
    return public


def _hash(key: str, passphrase_file: Path | None) -> bytes:
    if len(key) == 64 and not Path(key).exists():
        try:
            return bytes.fromhex(key)
        except ValueError:
            pass
    from ophion.keys import open_public

    return open_public(key, passphrase_source(passphrase_file, key)).keyhash


def _key_id(key: bytes) -> str:
    from ophion_boot.fmt.key import ID_BYTES, key_hash

    return key_hash(key)[:ID_BYTES].hex()


def _words(name: str, fact: Any) -> str:
    if name == "limits":
        return _limits_text(fact)
    return ", ".join(map(str, fact)) if isinstance(fact, list) else str(fact)


def _limits_text(limits: dict[str, Any]) -> str:
    """What a key may sign, without the limits that are none."""
    words = [f"hardware of hash {limits['hardware']}"] if limits["hardware"] else []
    numbers = [str(number) for number in range(32) if limits["images"] >> number & 1]
    if len(numbers) < 32:
        words.append(f"image {', '.join(numbers)}")
    least, most = limits["counter_min"], limits["counter_max"]
    if (least, most) != (0, _COUNTER_MAX):
        words.append(f"security counter {least} to {'any' if most == _COUNTER_MAX else most}")
    return "; ".join(words) or "none"
