"""Choices of a simulation: values, given at the edge and passed down."""

from __future__ import annotations

import dataclasses

from ophion.sim.errors import SimError

CUT_SHAPES = ("before", "torn", "after")


@dataclasses.dataclass(frozen=True)
class RadioOptions:
    """How the simulated radio behaves. Times in seconds.

    supervision_timeout: after this long without a sign of the peer a link is lost (reason 0x08).
        Real centrals use 0.1 to 32 s, most of them 2 to 6; short here so that tests do not wait.
    latency: delay of every data packet, one way.
    notify_gap: least time between two notifications that leave the device; 0: as fast as they come.
    acl_buffers: receive buffers of the device's host (CONFIG_BT_NIMBLE_TRANSPORT_ACL_FROM_LL_COUNT).
    acl_patience: how long a packet waits for a free buffer before it is dropped: 29 ticks at 100 Hz,
        ESP-IDF >= 5.5.1 `ble_hci_rx_acl` (components/bt/host/nimble).
    mtu_before_connect: the device sees MTU_EXCHANGED before CENTRAL_CONNECT, as since ESP-IDF 5.4.2
        (comment in MicroPython's tests/multi_bluetooth/ble_mtu.py).
    secure_only: the device refuses pairing without LE Secure Connections, as a board build does
        (CONFIG_BT_NIMBLE_SM_SC_ONLY); False: it only prefers it, as MicroPython's own binaries do.
    """

    supervision_timeout: float = 0.3
    latency: float = 0.0
    notify_gap: float = 0.0
    acl_buffers: int = 24
    acl_patience: float = 0.29
    mtu_before_connect: bool = False
    secure_only: bool = True


@dataclasses.dataclass(frozen=True)
class Cut:
    """End power at the flash operation `at_op` after the start (1 is the first).

    shape: "before" it, "torn" (half done, in a way that `seed` chooses), or "after" it.
    """

    at_op: int
    shape: str = "torn"
    seed: int = 0

    def __post_init__(self) -> None:
        if self.at_op < 1 or self.shape not in CUT_SHAPES:
            raise SimError(
                f"no such power cut: operation {self.at_op}, shape {self.shape!r}",
                f"operations count from 1; shapes are {', '.join(CUT_SHAPES)}",
            )


@dataclasses.dataclass(frozen=True)
class Start:
    """One start of the simulated chip: `cause` as machine.reset_cause() tells it, `reason` in words."""

    cause: int
    reason: str
