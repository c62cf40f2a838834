"""The sessions of this process, whose parts the metrics and the health check read. Start at `SOURCES`."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from server.assembly.core import Core


class Source(Protocol):
    """A session, or another holder of a core."""

    def find_core(self) -> Core | None:
        """Return the core; None before it is built and after its end. Any thread may call this."""
        ...

    def count_findings(self) -> Mapping[str, int]:
        """Return the numbers of findings in open documents by severity. Any thread may call this."""
        ...


@dataclass(frozen=True, eq=False, slots=True)
class CoreSource:
    """A program without editors that works with one core."""

    core: Core

    def find_core(self) -> Core:
        """Return the core."""
        return self.core

    def count_findings(self) -> Mapping[str, int]:
        """Return no numbers: no document is open."""
        return {}


class Sources:
    """The sessions that are under way. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: dict[int, Source] = {}

    def add(self, source: Source) -> None:
        """Add a session. Idempotent."""
        with self._lock:
            self._held[id(source)] = source

    def remove(self, source: Source) -> None:
        """Remove a session; do nothing if it is none of these."""
        with self._lock:
            self._held.pop(id(source), None)

    def list_all(self) -> tuple[Source, ...]:
        """Return all sessions."""
        with self._lock:
            return tuple(self._held.values())

    def list_cores(self) -> tuple[Core, ...]:
        """Return the cores of all sessions that have one, each once."""
        found = (source.find_core() for source in self.list_all())
        return tuple({id(core): core for core in found if core is not None}.values())


SOURCES = Sources()
"""The sessions of this process."""
