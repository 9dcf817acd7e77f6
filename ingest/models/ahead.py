"""The next network is made while a GPU is busy with this one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType

from alignhouse.ingest.models.build import Built
from alignhouse.ingest.models.catalog import Network


class BuiltAhead:
    """Gives networks as `build` does, and begins the one after; a context manager, which ends its thread.

    Parameters
    ----------
    build : makes a network on the CPU. Called in another thread, one network at a time.
    ahead : whether the next one is begun at all: on a CPU it would only be in the way.
    """

    def __init__(self, build: Callable[[Network], Built], *, ahead: bool) -> None:
        self._build, self._ahead = build, ahead
        self._order: list[str] = []
        self._networks: dict[str, Network] = {}
        self._begun: dict[str, Future[Built]] = {}
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="builder")

    def __enter__(self) -> BuiltAhead:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._begun.clear()

    def expect(self, networks: Sequence[Network]) -> None:
        """These will be asked for, in this order; one that is not asked for is passed over."""
        self._order = [network.name for network in networks]
        self._networks = {network.name: network for network in networks}

    def __call__(self, network: Network) -> Built:
        """The network; what its making raised, if it did."""
        begun = self._begun.pop(network.name, None)
        # One that was begun and is not wanted after all must not stay in memory.
        self._begun.clear()
        try:
            return begun.result() if begun is not None else self._build(network)
        finally:
            self._begin_next(network.name)

    def _begin_next(self, name: str) -> None:
        if not self._ahead or name not in self._order:
            return
        place = self._order.index(name) + 1
        if place < len(self._order):
            following = self._networks[self._order[place]]
            self._begun[following.name] = self._pool.submit(self._build, following)
