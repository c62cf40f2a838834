"""Resolution for completion, with a deadline: what names mean at a cursor is proposed beside recalled text.

A document's table is read on a thread of its own, so that a key never waits longer than the policy allows; the table is
then there for the next key. The thread also reads ahead: what a late answer lacked, and what a call that begins will
return, so that its members are known when its result is used. Start at `Resolver.resolve`.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as Late
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agents.completion.resolved.arguments import propose_arguments
from agents.completion.resolved.members import lacks_member, propose_members
from indexing.resolution.cursor_text import find_call
from indexing.resolution.scope_names import list_own_attributes, list_scope_names
from indexing.turns import take_slot

if TYPE_CHECKING:
    from agents.completion.cursor import Cursor
    from agents.completion.resolved.proposals import Proposal
    from indexing.index import Index
    from indexing.resolution.names import DocumentNames

LONGEST_LINE = 1_000  # characters before the cursor; in a longer line nothing is resolved
_MEMBER = re.compile(r"[\w)\]\"'?>]\s*(?:\.|::)\w*\Z")
_READ_AHEAD_S = 0.2
_IN_CALL = re.compile(r"(?:[(,=]|\A)\s*[\w.]*\Z")


@dataclass(frozen=True, slots=True)
class Resolved:
    """The answer of resolution about a cursor.

    Attributes:
        proposals: texts that complete the line.
        members: names of all members of the receiver before the cursor; None if they are not all known.
    """

    proposals: tuple[Proposal, ...] = ()
    members: tuple[str, ...] | None = None

    def contradicts(self, cursor: Cursor, text: str) -> bool:
        """Return whether `text` at `cursor` begins with a member that the receiver surely does not have."""
        return self.members is not None and lacks_member(cursor, self.members, text)


_LOG = logging.getLogger(__name__)
NOTHING = Resolved()


class Resolver:
    """Resolves names for completion, one request at a time. Thread-safe."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="resolution")
        self._busy = threading.Lock()

    def resolve(self, cursor: Cursor, limit_ms: float) -> Resolved:
        """Return what resolution says about `cursor`; `NOTHING` if that takes longer than `limit_ms`.

        `NOTHING`, too, while an earlier request is still being resolved, and where neither a member nor an argument can
        begin.
        """
        if not wants(cursor) or not self._busy.acquire(blocking=False):
            return NOTHING
        deadline = time.monotonic() + limit_ms / 1000
        try:
            pending = self._pool.submit(self._run, cursor, deadline)
        except RuntimeError:  # closed
            self._busy.release()
            return NOTHING
        try:
            return pending.result(timeout=max(0.0, deadline - time.monotonic()))
        except Late:
            return NOTHING

    def close(self) -> None:
        """Accept no more requests; does not wait for one under way."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _run(self, cursor: Cursor, deadline: float) -> Resolved:
        """Resolve on the thread, and admit the next request."""
        try:
            with take_slot(deadline) as has_slot:
                if not has_slot:
                    return NOTHING
                names = self._index.open_names(cursor.document, cursor.offset, deadline=deadline, libraries=True)
                return self._answer(cursor, names) if names is not None else NOTHING
        except Exception:  # noqa: BLE001 - suggestions come from recall and the model then
            _LOG.exception("Names could not be resolved; suggestions come from recall and the model alone.")
            return NOTHING
        finally:
            self._busy.release()

    def _answer(self, cursor: Cursor, names: DocumentNames) -> Resolved:
        """Return what `names`, opened at `cursor`, say; read ahead if they lacked something, or if a call begins."""
        found = resolve_names(cursor, names)
        if not names.available or names.lookup.was_cut or cursor.before.endswith("("):
            with suppress(RuntimeError):  # closed
                self._pool.submit(self._read_ahead, cursor)
        return found

    def _read_ahead(self, cursor: Cursor) -> None:
        """Read the files that the last answer lacked, and those of what the call at `cursor` returns, for later keys.

        Ends after `_READ_AHEAD_S` and the file being read then.
        """
        try:
            deadline = time.monotonic() + _READ_AHEAD_S
            with take_slot(deadline, ahead=True) as has_slot:
                if not has_slot:
                    return
                names = self._index.open_names(cursor.document, cursor.offset, deadline=deadline, libraries=True)
                if names is None:
                    return
                resolve_names(cursor, names)
                call = names.find_call()
                for value in names.evaluate(f"{call.name}()") if call is not None and call.callees else ():
                    deque(names.inference.iterate_members(value), maxlen=0)
        except Exception:  # noqa: BLE001 - later keys read what they need
            _LOG.exception("Names could not be read ahead; they are read when they are needed.")


def wants(cursor: Cursor) -> bool:
    """Return whether a member or an argument may begin at `cursor`, by the text before it.

    False after more than `LONGEST_LINE` characters of a line.
    """
    if len(cursor.before) > LONGEST_LINE:
        return False
    if _MEMBER.search(cursor.before):
        return True
    return _IN_CALL.search(cursor.before) is not None and find_call(cursor.prefix, len(cursor.prefix)) is not None


def resolve_names(cursor: Cursor, names: DocumentNames) -> Resolved:
    """Return what `names`, opened at `cursor`, say about that place."""
    if _MEMBER.search(cursor.before):
        receiver = names.find_receiver()
        if receiver is not None and receiver.members:
            known = tuple(each.name for each in receiver.members) if receiver.is_complete else None
            return Resolved(tuple(propose_members(cursor, receiver, list_scope_names(names))), known)
    call = names.find_call()
    if call is None or not call.parameters:
        return NOTHING
    attributes = list_own_attributes(names)
    return Resolved(tuple(propose_arguments(cursor, call, list_scope_names(names), attributes)))
