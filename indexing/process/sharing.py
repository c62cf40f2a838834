"""One indexing process for all indexes of this server that have the same folders, limits and storage.

The sessions of a server that have one workspace so have one process together. Each of them still has its own open
documents, and waits for its own jobs only. Start at `IndexingClient`.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from indexing.process.supervisor import LIBRARIES, IndexProcess

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from pathlib import Path

    from indexing.limits import IndexLimits

_Key = tuple["Path", "IndexLimits", tuple["Path", ...]]

FEW = 4
_TO_ALL = frozenset({"changed", "anew"})  # events for all clients; others are for those whose jobs they are about


class IndexingClient:
    """An index's access to the indexing process of its folders. Thread-safe.

    Args:
        storage: folder of the index.
        limits: bounds of indexing.
        handle: is called with each event that is about the folders or about an own job, in another thread, before
            `wait` returns for it; never after `close`.
    """

    def __init__(self, storage: Path, limits: IndexLimits, handle: Callable[[dict[str, Any]], None]) -> None:
        """Store where and how to index. No process is started."""
        self._storage = storage
        self._limits = limits
        self._handle = handle
        self._handling = threading.RLock()  # while an event is handled; so `close` waits until none is
        self._joining = threading.Lock()
        self._group: _Group | None = None
        self._closed = False

    @property
    def pid(self) -> int | None:
        """Id of the process; None while none runs."""
        group = self._group
        return group.process.pid if group is not None else None

    @property
    def is_busy(self) -> bool:
        """Whether any own job but those about libraries is unfinished."""
        group = self._group
        return group is not None and group.process.has_jobs(self, libraries=False)

    @property
    def is_indexing_libraries(self) -> bool:
        """Whether an own job about libraries is unfinished."""
        group = self._group
        return group is not None and group.process.has_jobs(self, libraries=True)

    @property
    def is_crowded(self) -> bool:
        """Whether more than `FEW` indexes share the process."""
        group = self._group
        return group is not None and len(group.clients) > FEW

    @property
    def problem(self) -> str:
        """The last problem of the process with the workspace, "" for none."""
        group = self._group
        return group.process.problem if group is not None else ""

    @property
    def library_problem(self) -> str:
        """The last problem of the process with installed libraries, "" for none."""
        group = self._group
        return group.process.library_problem if group is not None else ""

    def compute_lag_s(self) -> float:
        """Return the seconds since the oldest unfinished job, but those about libraries, was submitted; 0 for none."""
        group = self._group
        return group.process.compute_lag_s() if group is not None else 0.0

    def submit(self, kind: str, roots: Sequence[Path], paths: Collection[Path] = ()) -> None:
        """Submit a job to the process of `roots`, as `IndexProcess.submit` does; leaves the process of other roots."""
        with self._joining:
            if self._closed:
                return
            key = (self._storage, self._limits, tuple(roots))
            left, self._group = _join(self, key, self._group)
            self._group.process.submit(self, kind, roots, paths)
        if left is not None:
            left.close()

    def wait(self, timeout_s: float | None, *, libraries: bool = False) -> bool:
        """Wait until all own jobs are finished or dropped; return whether that was so within `timeout_s`.

        None is no limit. Jobs about libraries are waited for with `libraries` only.
        """
        group = self._group
        return group is None or group.process.wait(self, timeout_s, libraries=libraries)

    def close(self) -> None:
        """Drop all own jobs, and end the process if no other index shares it. Idempotent."""
        with self._joining:
            self._closed = True
            left, self._group = _leave(self, self._group), None
        if left is not None:
            left.close()
        with self._handling:
            pass

    def receive(self, event: dict[str, Any]) -> None:
        """Handle an event of the process."""
        with self._handling:
            if not self._closed:
                self._handle(event)


class _Group:
    """A process and the clients that share it."""

    def __init__(self, key: _Key) -> None:
        """Store the key of the group. No process is started."""
        self.key = key
        self.clients: list[IndexingClient] = []
        self.process = IndexProcess(key[0], key[1], self._dispatch)

    def _dispatch(self, event: dict[str, Any], owners: frozenset[object]) -> None:
        """Pass an event on to the clients that it is for."""
        with _grouping:
            clients = list(self.clients)
        to_all = event["event"] in _TO_ALL
        for client in clients:
            if to_all or client in owners:
                client.receive(event)


_grouping = threading.Lock()  # around `_groups` and the clients of all groups
_groups: dict[_Key, _Group] = {}


def _join(client: IndexingClient, key: _Key, now: _Group | None) -> tuple[IndexProcess | None, _Group]:
    """Make `client` a part of the group `key`; return a process to close that nobody uses any more, and the group.

    `now` is the client's present group, None for none.
    """
    if now is not None and now.key == key:
        return None, now
    left = _leave(client, now)
    with _grouping:
        group = _groups.get(key)
        if group is None:
            group = _groups[key] = _Group(key)
        group.clients.append(client)
    return left, group


def _leave(client: IndexingClient, group: _Group | None) -> IndexProcess | None:
    """Remove `client` from its group and drop its jobs; return the process to close if that was the last client."""
    if group is None:
        return None
    with _grouping:
        group.clients.remove(client)
        is_last = not group.clients
        if is_last:
            del _groups[group.key]
    group.process.drop_jobs(client)
    return group.process if is_last else None


__all__ = ["LIBRARIES", "IndexingClient"]
