"""The indexing process: reads jobs as lines of JSON, works at low priority and writes events as lines of JSON.

Jobs: {"job": n, "kind": "pass", "roots": [...]}; "check" with the same fields, which reads the whole index before the
pass; "libraries" with the same fields, which indexes installed libraries while no other job waits; {"job": n, "kind":
"touch", "roots": [...], "paths": [...]}. Events: {"event": "progress", "done", "total"}, {"event": "changed", "root"},
{"event": "waiting"}, {"event": "working"}, {"event": "anew", "why"}, {"event": "finished", "jobs": [...], "problem"},
{"event": "libraries"} with the same fields, {"event": "leaving"}. A job holds its root's lock, so that there is one
writer for each root; the process of another server waits for the lock and then finds the work done. The process ends
with its input and after some idle time. Start at `main`.
"""

from __future__ import annotations

import json
import os
import queue
import sqlite3
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from indexing.libraries.library_files import LibraryFileError, LibraryFiles
from indexing.limits import IndexLimits
from indexing.process import spawning
from indexing.process.analysers import Analysers
from indexing.process.disk_limit import keep_within_limit
from indexing.process.library_work import LibraryWork, StoppedError
from indexing.process.updating import Listener, Updater
from indexing.storage.index_files import IndexPaths
from indexing.storage.storage_errors import DAMAGE, StorageError, convert_errors, explain_libraries
from indexing.storage.store import Store
from starling_files import FILE_MODE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from filelock import FileLock

LIBRARIES = "libraries"
_POLL_S = 0.25
_ATTEMPTS = 3
_GRACE_S = 3.0  # after the end of input, to finish a commit


class Worker:
    """Does the jobs of one server."""

    def __init__(self, storage: Path, limits: IndexLimits) -> None:
        self._storage = storage
        self._limits = limits
        self._jobs: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._ended = threading.Event()
        self._analysers = Analysers(limits, storage)
        self._libraries = LibraryWork(storage, limits, self._analysers, self._ended.is_set, self._do_waiting_jobs)
        self._library_jobs: list[dict[str, Any]] = []
        self._keys: set[str] = set()  # of the indexes of all jobs

    def run(self) -> None:
        """Do the jobs from standard input and report each, until it ends or `idle_s` seconds pass without a job."""
        threading.Thread(target=self._read_jobs, daemon=True).start()
        try:
            while not self._ended.is_set():
                try:
                    jobs = self._take_jobs()
                except queue.Empty:
                    _emit(event="leaving")
                    return
                self._do_and_report(jobs)
                self._index_libraries()
        finally:
            self._analysers.close()

    def _do_and_report(self, jobs: list[dict[str, Any]]) -> None:
        """Do `jobs` and report that they are finished; those about libraries are kept for later."""
        self._library_jobs += [job for job in jobs if job["kind"] == LIBRARIES]
        if others := [job for job in jobs if job["kind"] != LIBRARIES]:
            problem = self._do_jobs(others)
            if not self._ended.is_set():
                _emit(event="finished", jobs=[job["job"] for job in others], problem=problem)

    def _do_waiting_jobs(self) -> None:
        """Do the jobs that have arrived while libraries are indexed."""
        if not self._jobs.empty():
            self._do_and_report(self._take_jobs())

    def _index_libraries(self) -> None:
        """Index the installed libraries of the roots of all jobs about them, and report these jobs as finished.

        An error is logged and leaves libraries out of the search; the workspace is searched nevertheless.
        """
        while jobs := self._library_jobs:
            self._library_jobs = []
            problem = ""
            for root in dict.fromkeys(root for job in jobs for root in job["roots"]):
                try:
                    self._libraries.index(Path(root))
                    _emit(event="changed", root=root)
                except StoppedError:
                    return
                except (OSError, ValueError, sqlite3.Error, LibraryFileError) as error:
                    problem = explain_libraries(error, LibraryFiles(self._storage).folder)
            self._keep_within_limit()
            _emit(event="libraries", jobs=[job["job"] for job in jobs], problem=problem)

    def _read_jobs(self) -> None:
        """Queue the jobs of standard input until it ends; then end this process after a time to finish."""
        for line in sys.stdin.buffer:
            self._jobs.put(json.loads(line))
        self._ended.set()
        self._jobs.put(None)
        time.sleep(_GRACE_S)
        os._exit(0)  # the server is gone; the next pass resumes unfinished work

    def _take_jobs(self) -> list[dict[str, Any]]:
        """Return the next job and all that wait after it; none at the end of input. Raises queue.Empty when idle."""
        first = self._jobs.get(timeout=self._limits.idle_s)
        if first is None:
            return []
        jobs = [first]
        while True:
            try:
                more = self._jobs.get_nowait()
            except queue.Empty:
                return jobs
            if more is not None:
                jobs.append(more)

    def _do_jobs(self, jobs: list[dict[str, Any]]) -> str:
        """Update the roots of `jobs`, one after the other; return the last problem as a sentence, "" for none.

        Then deletes other indexes if all of them take more than the limit.
        """
        roots = dict.fromkeys(root for job in jobs for root in job["roots"])
        passes = {root for job in jobs if job["kind"] != "touch" for root in job["roots"]}
        checked = {root for job in jobs if job["kind"] == "check" for root in job["roots"]}
        paths = [Path(path) for job in jobs if job["kind"] == "touch" for path in job["paths"]]
        problem = ""
        for root in roots:
            try:
                self._update(Path(root), None if root in passes else paths, check=root in checked)
            except StorageError as error:
                problem = str(error)
            except OSError as error:
                problem = f"The folder {root} could not be read ({error.strerror or error})."
        self._keys.update(IndexPaths.of(self._storage, Path(root)).key for root in roots)
        if passes:
            self._keep_within_limit()
        return problem

    def _keep_within_limit(self) -> None:
        """Delete indexes that are not in use if all of them take more than the limit."""
        if self._limits.disk_bytes:
            keep_within_limit(self._storage, self._limits.disk_bytes, self._keys)

    def _update(self, root: Path, paths: list[Path] | None, *, check: bool) -> None:
        """Update `paths` in the index of `root` (None: all files) under its lock; `check` verifies the index first."""
        with convert_errors(self._storage):
            IndexPaths.of(self._storage, root).repair_permissions()
        updater = Updater(
            root,
            self._storage,
            self._limits,
            self._analysers,
            Listener(
                progress=lambda done, total: _emit(event="progress", done=done, total=total),
                changed=lambda: _emit(event="changed", root=str(root)),
                stopping=self._ended.is_set,
            ),
        )
        with self._lock(updater.index_paths) as held:
            if not held:
                return
            self._update_locked(updater, paths, check=check)

    def _update_locked(self, updater: Updater, paths: list[Path] | None, *, check: bool) -> None:
        """Update the index of the root whose lock is held; rebuild it if it is damaged or is deleted meanwhile.

        `paths` and `check` are as in `_update`.

        Raises:
            indexing.storage.storage_errors.StorageError, OSError: the index cannot be updated.
        """
        if paths is not None and not updater.is_complete():  # else it would hold only the touched files
            _emit(event="anew", why="was deleted or damaged")
            paths = None
        for left in reversed(range(_ATTEMPTS)):
            try:
                if check and not updater.check():
                    _emit(event="anew", why="was damaged")
                if paths is None:
                    updater.update_all()
                else:
                    updater.reindex(paths)
                if updater.is_in_place() or self._ended.is_set():
                    return
                _emit(event="anew", why="was deleted")
            except (StorageError, OSError, sqlite3.Error, *DAMAGE) as error:
                if not left:
                    raise _explain(error, updater) from error
                self._prepare_rebuild(updater, error)
            check, paths = False, None

    @staticmethod
    def _prepare_rebuild(updater: Updater, error: Exception) -> None:
        """Report why the index is rebuilt; delete it if `error` shows that it is damaged; make its folder writable.

        Raises:
            indexing.storage.storage_errors.StorageError, OSError: another attempt would not help.
        """
        if updater.was_opened and not updater.is_in_place():
            _emit(event="anew", why="was deleted")
        elif not _is_rebuild_useful(error) or not updater.index_paths.discard():
            raise _explain(error, updater) from error
        else:
            _emit(event="anew", why="was damaged")
        with convert_errors(updater.index_paths.storage):
            updater.index_paths.repair_permissions()

    @contextmanager
    def _lock(self, index_paths: IndexPaths) -> Iterator[bool]:
        """Hold the root's lock in the block; yields True, or False if this process ends before it gets the lock.

        While the process of another server holds the lock, reports each segment that it builds.
        """
        from filelock import FileLock  # noqa: PLC0415  # not needed before there is work

        lock = FileLock(index_paths.lock, mode=FILE_MODE)
        waiting, generation = False, ""
        while not self._ended.is_set():
            if not self._acquire(lock):
                if not waiting:
                    waiting = True
                    _emit(event="waiting")
                now = _read_segment_name(index_paths)
                if now != generation:
                    generation = now
                    _emit(event="changed", root="")
                continue
            if waiting:
                _emit(event="working")
            try:
                yield True
            finally:
                lock.release()
            return
        yield False

    def _acquire(self, lock: FileLock) -> bool:
        """Try for a moment to take `lock`; return whether it was taken."""
        from filelock import Timeout  # noqa: PLC0415  # see above

        with convert_errors(self._storage):
            try:
                lock.acquire(timeout=_POLL_S)
            except Timeout:  # an OSError, too
                return False
        return True


def _is_rebuild_useful(error: Exception) -> bool:
    """Return whether a new index may help after `error`: False for a full disk, a busy database, or an OSError."""
    if isinstance(error, StorageError):
        return not error.full
    busy = getattr(error, "sqlite_errorname", "").startswith(("SQLITE_BUSY", "SQLITE_LOCKED"))
    return not isinstance(error, OSError) and not busy


def _explain(error: Exception, updater: Updater) -> Exception:
    """Return `error` if it has a message for a person, else a `StorageError` with one."""
    if isinstance(error, StorageError | OSError):
        return error
    return StorageError(f"The index in {updater.index_paths.storage} could not be made ({error}); delete that folder.")


def _read_segment_name(index_paths: IndexPaths) -> str:
    """Return the name of the current segment; "" if the store cannot be read."""
    try:
        store = Store.open_for_reading(index_paths)
        if store is None:
            return ""
        with store:
            return store.read_meta("segment")
    except sqlite3.Error:  # its own server writes it, or it is damaged, which that one repairs
        return ""


_emitting = threading.Lock()


def _emit(**event: object) -> None:
    """Write an event to standard output as a line of JSON; ends this process if the server is gone."""
    with _emitting:
        try:
            sys.stdout.buffer.write(json.dumps(event).encode() + b"\n")
            sys.stdout.buffer.flush()
        except (BrokenPipeError, ValueError):
            os._exit(0)  # the server is gone


def main() -> None:
    """Run the indexing process; the first line of input holds the folder of the index and the limits."""
    head = json.loads(sys.stdin.buffer.readline())
    limits = IndexLimits(**head["limits"])
    spawning.lower_priority(limits.nice)
    Worker(Path(head["storage"]), limits).run()
    os._exit(0)  # an orderly shutdown would abort if the reading thread holds the lock of standard input
