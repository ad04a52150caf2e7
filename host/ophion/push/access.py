"""How to be let in: pairing, and the token of an operator (SPEC.md 11)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ophion_boot.fmt.key import ID_BYTES
from ophion_boot.fmt.token import token_digest
from smp.error import MGMT_ERR
from smpclient.transport.ble import MAC_ADDRESS_PATTERN, UUID_PATTERN

from ophion.errors import RefusedError
from ophion.push.group64 import AccessRead, AccessResponse, TokenWrite
from ophion.push.refusal import GENERIC

if TYPE_CHECKING:
    from ophion.keys import Signer
    from ophion.push.link import Link

Passkey = Callable[[], Awaitable[int]]
"""Asked while the device shows its passkey; returns the six digits as a number."""

WIRES = ("udp:", "serial:", "raw:")
"""How the names of devices begin that are named by where they are."""
SIMULATED = "sim:"
"""And of simulated ones, that are named by where they live."""

OPERATOR = "operator"
"""What a device calls who has shown a token."""
_PATIENCE_S = 60.0
_PAUSE_S = 1.0


@dataclass(frozen=True)
class Access:
    """What to show to a device.

    operator  the key of an operator, for devices that want a token; not used with others
    pair      pair with the device, if this computer has not
    passkey   asked when the device shows one; None: pair without (just works). Where the operating system
              pairs, it asks itself, and this is refused
    """

    operator: Signer | None = None
    pair: bool = False
    passkey: Passkey | None = None


async def show_token(link: Link, operator: Signer) -> str:
    """Answer the device's challenge; returns who we are to it then ("operator", or what it said before).

    A device that does not ask for tokens is left alone. One that is busy with wrong tokens of others is asked
    again for a minute. Raises as Link's methods do.
    """
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        state = await _state(link)
        if state is None or not state.challenge or state.who == OPERATOR:
            return state.who if state else "nobody"
        _check_name(link.device, state.name)
        digest = token_digest(state.name, state.id, state.challenge)
        request = TokenWrite(
            challenge=state.challenge,
            key=operator.public.keyhash[:ID_BYTES],
            sig=operator.sign_digest(digest),
        )
        try:
            return str((await link.ask(request, "the operator's token")).who)
        except RefusedError as error:
            busy = error.group == GENERIC and error.rc == MGMT_ERR.EBUSY
            if not busy or time.monotonic() > deadline:
                raise
        await asyncio.sleep(_PAUSE_S)


async def _state(link: Link) -> AccessResponse | None:
    """What the device says of its access; None for one that has no such command: it is open, or not ours."""
    try:
        answer: AccessResponse = await link.ask(AccessRead(), "who may use it")
    except RefusedError as error:
        if error.group == GENERIC and error.rc == MGMT_ERR.ENOTSUP:
            return None
        raise
    return answer


def _check_name(asked: str, name: str) -> None:
    """A token is for one device: never sign for another than the one that was asked for by name."""
    by_address = MAC_ADDRESS_PATTERN.match(asked) or UUID_PATTERN.match(asked)
    if not by_address and not asked.startswith((*WIRES, SIMULATED)) and asked != name:
        raise RefusedError(
            f"the device that answers as {asked} wants a token for {name!r}",
            "somebody may be between you and the device; name it by its address if this is right",
        )
