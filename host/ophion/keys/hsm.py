"""Keys in a PKCS#11 token (an HSM, a smart card, SoftHSM): they sign there and never leave it.

Needs python-pkcs11 (`pip install 'ophion[hsm]'`) and the token maker's library. A session is opened for each
thing done and closed after it, so that several keys of one token can be used in turn.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ophion.errors import InputError, KeyFileError, OphionError, UsageError
from ophion.files import read_file
from ophion.keys.algorithms import DIGEST_BYTES, Algorithm
from ophion.keys.pkcs11_uri import Pkcs11Uri, parse_uri
from ophion.keys.public import PublicKey, public_from

if TYPE_CHECKING:
    import pkcs11

MODULE_VARIABLE = "OPHION_PKCS11_MODULE"
_P256 = bytes.fromhex("06082a8648ce3d030107")
_ED25519 = (bytes.fromhex("06032b6570"), b"\x13\x0cedwards25519")
"""EC_PARAMS: the OID of RFC 8410, and the curve's name as PKCS#11 2.40 to 3.0 had it."""
_POINT_BYTES = 65


class Pkcs11Signer:
    """A private key in a token."""

    def __init__(self, uri: Pkcs11Uri, passphrase: Callable[[], bytes] | None = None) -> None:
        """Find the key that `uri` names. A PIN that is not in `uri` comes from `passphrase`, if the token
        wants one and has no keypad of its own; without either there is no login.

        Raises UsageError, InputError or KeyFileError: what cannot be found, opened or used.
        """
        self._uri = uri
        self._ask = passphrase
        self._pin = _given_pin(uri)
        with self._session() as session:
            self._public = _public(session, _find(session, uri), str(uri))

    @classmethod
    def open(cls, uri: str, passphrase: Callable[[], bytes] | None = None) -> Pkcs11Signer:
        """The signer for the text `uri`."""
        return cls(parse_uri(uri), passphrase)

    @property
    def public(self) -> PublicKey:
        """The public half, read from the token."""
        return self._public

    def sign(self, message: bytes) -> bytes:
        """Sign `message`, with SHA-256 for P-256 and RSA."""
        if self._public.algorithm is Algorithm.ED25519:
            return self.sign_digest(message)
        return self.sign_digest(hashlib.sha256(message).digest())

    def sign_digest(self, digest: bytes) -> bytes:
        """Sign a SHA-256 digest (32 bytes): the message itself for Ed25519, its digest for the others.

        Raises KeyFileError, also when the token's signature does not fit its own public key.
        """
        with self._session() as session:
            signature = self._sign(_find(session, self._uri), digest)
        try:
            self._public.verify_digest(signature, digest)
        except KeyFileError:
            raise KeyFileError(
                f"{self._uri}: the token's public key does not verify what its private key signs"
            ) from None
        return signature

    def _sign(self, key: Any, digest: bytes) -> bytes:
        import pkcs11
        from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

        # A key with CKA_ALWAYS_AUTHENTICATE wants the PIN for each signature.
        pin = self._pin if _attribute(key, pkcs11.Attribute.ALWAYS_AUTHENTICATE) else None
        algorithm = self._public.algorithm
        if algorithm is Algorithm.ED25519:
            return bytes(key.sign(digest, mechanism=pkcs11.Mechanism.EDDSA, pin=pin))
        if algorithm.is_rsa:
            pss = (pkcs11.Mechanism.SHA256, pkcs11.MGF.SHA256, DIGEST_BYTES)
            return bytes(
                key.sign(digest, mechanism=pkcs11.Mechanism.RSA_PKCS_PSS, mechanism_param=pss, pin=pin)
            )
        both = bytes(key.sign(digest, mechanism=pkcs11.Mechanism.ECDSA, pin=pin))
        half = len(both) // 2
        return encode_dss_signature(int.from_bytes(both[:half], "big"), int.from_bytes(both[half:], "big"))

    @contextmanager
    def _session(self) -> Iterator[pkcs11.Session]:
        with _errors(str(self._uri)):
            token = _token(self._uri)
            with token.open(user_pin=self._login(token.flags)) as session:
                yield session

    def _login(self, flags: Any) -> Any:
        """What to log in with: a PIN, the token's keypad, or None for no login."""
        import pkcs11

        if self._pin is None and flags & pkcs11.TokenFlag.PROTECTED_AUTHENTICATION_PATH:
            return pkcs11.PROTECTED_AUTH
        if self._pin is None and self._ask is not None and flags & pkcs11.TokenFlag.LOGIN_REQUIRED:
            self._pin = _decoded(self._ask(), self._uri)
        return self._pin


def _given_pin(uri: Pkcs11Uri) -> str | None:
    if uri.pin_source.startswith("|"):
        raise UsageError("PKCS#11 URI: a program as pin-source is not run; name a file")
    if uri.pin_source:
        secret = read_file(uri.pin_source.removeprefix("file:"), "PIN file").rstrip(b"\r\n")
        return _decoded(secret, uri)
    return uri.pin_value


def _decoded(secret: bytes, uri: Pkcs11Uri) -> str:
    try:
        return secret.decode()
    except UnicodeDecodeError:
        raise KeyFileError(f"{uri}: the PIN is not UTF-8") from None


def _token(uri: Pkcs11Uri) -> pkcs11.Token:
    import pkcs11

    module = uri.module_path or os.environ.get(MODULE_VARIABLE, "")
    if not module:
        raise UsageError(
            f"{uri}: which PKCS#11 library?", f"add ?module-path=FILE.so, or set {MODULE_VARIABLE}"
        )
    try:
        library = pkcs11.lib(module)
    except (RuntimeError, OSError) as error:
        raise InputError(f"cannot load the PKCS#11 library {module}: {_words(error)}") from None
    tokens = [slot.get_token() for slot in library.get_slots(token_present=True) if _slot_fits(slot, uri)]
    found = [token for token in tokens if _token_fits(token, uri)]
    if not found:
        labels = ", ".join(token.label for token in tokens if token.label) or "none that is initialised"
        raise KeyFileError(f"{uri}: no such token", f"tokens of {module}: {labels}")
    if len(found) > 1:
        raise KeyFileError(f"{uri}: {len(found)} tokens fit", "add serial= or slot-id= to the URI")
    return found[0]


def _slot_fits(slot: pkcs11.Slot, uri: Pkcs11Uri) -> bool:
    return uri.slot_id is None or slot.slot_id == uri.slot_id


def _token_fits(token: pkcs11.Token, uri: Pkcs11Uri) -> bool:
    import pkcs11

    if not token.flags & pkcs11.TokenFlag.TOKEN_INITIALIZED:
        return False
    wanted = (uri.token, uri.manufacturer, uri.model, uri.serial)
    serial = token.serial.decode("ascii", "replace").strip("\0 ")
    there = (token.label, token.manufacturer_id, token.model, serial)
    return all(not want or want == have for want, have in zip(wanted, there, strict=True))


def _find(session: pkcs11.Session, uri: Pkcs11Uri) -> Any:
    """The private key that `uri` names; it must be one only."""
    import pkcs11

    found = _search(session, pkcs11.ObjectClass.PRIVATE_KEY, uri.object, uri.id)
    if not found:
        others = _search(session, pkcs11.ObjectClass.PRIVATE_KEY, "", b"")
        labels = ", ".join(str(_attribute(key, pkcs11.Attribute.LABEL) or "(no label)") for key in others)
        hint = f"private keys in it: {labels}" if labels else "it shows no private key: is a PIN missing?"
        raise KeyFileError(f"{uri}: no such private key in the token", hint)
    if len(found) > 1:
        raise KeyFileError(f"{uri}: {len(found)} private keys fit", "add id= or object= to the URI")
    return found[0]


def _search(session: pkcs11.Session, kind: Any, label: str, key_id: bytes) -> list[Any]:
    import pkcs11

    wanted: dict[pkcs11.Attribute, Any] = {pkcs11.Attribute.CLASS: kind}
    if label:
        wanted[pkcs11.Attribute.LABEL] = label
    if key_id:
        wanted[pkcs11.Attribute.ID] = key_id
    return list(session.get_objects(wanted))


def _public(session: pkcs11.Session, private: Any, where: str) -> PublicKey:
    """The public half of `private`: of RSA from itself, else from the public key object with the same id."""
    import pkcs11
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers

    attribute = pkcs11.Attribute
    if private.key_type == pkcs11.KeyType.RSA:
        modulus, exponent = (
            _attribute(private, attribute.MODULUS),
            _attribute(private, attribute.PUBLIC_EXPONENT),
        )
        if modulus and exponent:
            numbers = RSAPublicNumbers(int.from_bytes(exponent, "big"), int.from_bytes(modulus, "big"))
            return public_from(numbers.public_key(), where)
    key_id = _attribute(private, attribute.ID) or b""
    label = "" if key_id else _attribute(private, attribute.LABEL) or ""
    halves = _search(session, pkcs11.ObjectClass.PUBLIC_KEY, label, key_id) if key_id or label else []
    if len(halves) != 1:
        raise KeyFileError(
            f"{where}: {len(halves)} public keys in the token have the id of this private key",
            "store its public half beside it, under the same id",
        )
    return _point(halves[0], where)


def _point(half: Any, where: str) -> PublicKey:
    """An Ed25519 or P-256 public key object; EC_POINT is the bare key or an OCTET STRING around it."""
    import pkcs11

    parameters = _attribute(half, pkcs11.Attribute.EC_PARAMS)
    point = _attribute(half, pkcs11.Attribute.EC_POINT) or b""
    if parameters in _ED25519:
        return PublicKey(_unwrapped(point, 32))
    if parameters == _P256:
        return PublicKey(_unwrapped(point, _POINT_BYTES), Algorithm.P256)
    raise KeyFileError(f"{where} is not an Ed25519, P-256 or RSA key")


def _unwrapped(point: bytes, size: int) -> bytes:
    return point[2:] if point[:2] == bytes((0x04, size)) and len(point) == size + 2 else point


def _attribute(key: Any, name: Any) -> Any:
    """An attribute of an object, None where the token has none or keeps it to itself."""
    import pkcs11

    try:
        return key[name]
    except (pkcs11.AttributeTypeInvalid, pkcs11.AttributeSensitive, NotImplementedError):
        return None


@contextmanager
def _errors(where: str) -> Iterator[None]:
    """Errors of python-pkcs11 become ours; `where` names the key."""
    try:
        import pkcs11
    except ImportError:
        raise UsageError("keys in a PKCS#11 token need python-pkcs11", "pip install 'ophion[hsm]'") from None
    try:
        yield
    except OphionError:
        raise
    except (pkcs11.PinIncorrect, pkcs11.PinInvalid, pkcs11.PinLenRange):
        raise KeyFileError(f"{where}: wrong PIN", "a token locks itself after some wrong ones") from None
    except pkcs11.PinLocked:
        raise KeyFileError(f"{where}: the token is locked after too many wrong PINs") from None
    except (pkcs11.UserNotLoggedIn, pkcs11.UserPinNotInitialized):
        raise KeyFileError(f"{where}: the token wants a PIN") from None
    except (pkcs11.MechanismInvalid, pkcs11.MechanismParamInvalid):
        raise KeyFileError(f"{where}: the token cannot sign with this type of key") from None
    except pkcs11.PKCS11Error as error:
        raise KeyFileError(f"{where}: the token says {_words(error)}") from None


def _words(error: Exception) -> str:
    return " ".join(f"{type(error).__name__} {error}".split())
