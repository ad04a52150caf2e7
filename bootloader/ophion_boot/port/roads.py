"""Several roads at once: each has its own Session, the groups behind them are the same."""


class Roads:
    """Serves on all of `roads` (servers, the device's own first); the same methods as one of them."""

    def __init__(self, roads: list) -> None:
        self._roads = roads

    @property
    def connections(self) -> int:
        return sum([road.connections for road in self._roads])

    def start(self) -> None:
        """Start all."""
        for road in self._roads:
            road.start()

    def stop(self) -> None:
        """Stop all."""
        for road in self._roads:
            road.stop()

    def poll(self) -> None:
        """Do what is due on each."""
        for road in self._roads:
            road.poll()

    def connected(self) -> bool:
        """True while a central is connected to any."""
        return any([road.connected() for road in self._roads])

    def busy(self) -> bool:
        """True when any has something to wait for that no event announces."""
        return any([road.busy() for road in self._roads])

    def reachable(self) -> bool:
        """What the first one says: the others cannot tell for sure, and must not hide that it is lost."""
        return self._roads[0].reachable()

    def present(self) -> bool:
        """What the first one says."""
        return self._roads[0].present()

    def renew(self) -> None:
        """Take back on each what an application may have taken away."""
        for road in self._roads:
            road.renew()

    def rename(self, name: str) -> None:
        """Advertise as `name` from now on."""
        for road in self._roads:
            road.rename(name)

    def request_reset(self, boot_mode: int) -> None:
        """Reset soon."""
        self._roads[0].request_reset(boot_mode)
