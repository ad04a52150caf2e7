"""What a Bumble host needs before its transport goes away."""

from __future__ import annotations

from bumble.host import Host


def before_transport_loss(host: Host) -> None:
    """Forget a command whose sender was cancelled.

    `Host.on_transport_lost` (Bumble 0.0.228) sets an exception on the future of the command that is
    waiting for its answer, and stumbles if that future is done already.
    """
    waiting = host.pending_response
    if waiting is not None and waiting.done():
        host.pending_response = None
