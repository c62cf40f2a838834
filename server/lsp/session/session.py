"""One editor's session: the mutable state that notifications change, and what requests get: a snapshot and services.

Lives on the event loop; nothing here blocks it. What loads slowly (settings, index, models) arrives later as a `Core`,
and until then everything else works. Start at `Session`.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from lsprotocol import types

from indexing.syntax.trees import KEPT
from server.assembly.core import Cores
from server.gate.question.shown_documents import ShownDocuments
from server.lsp.editor import configuration
from server.lsp.editor.client import Client
from server.lsp.editor.file_events import FileEvents
from server.lsp.editor.jobs import Jobs
from server.lsp.editor.progress import ProgressBar
from server.lsp.session.chosen_fixes import ChosenFixes
from server.lsp.session.completion_requests import CompletionRequests
from server.lsp.session.model_loading import ModelLoading
from server.lsp.session.open_documents import Documents
from server.lsp.session.publishing import Publishing
from server.lsp.session.reviews import Reviews
from server.lsp.session.services import Services
from server.lsp.session.snapshot import Snapshot
from server.lsp.session.workspace_reviews import WorkspaceReviews
from server.lsp.wire.guard import Guard
from server.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from pathlib import Path

    from pygls.lsp.server import LanguageServer

    from indexing.records import IndexProgress
    from server.assembly.core import Builder, Core
    from server.gate.gate import Gate
    from server.lsp.session.open_documents import OpenText

logger = logging.getLogger(__name__)

NEWS_S = 1.0  # indexing that took longer is worth a line for everyone; a saved file is not
CLOSE_WAIT_S = 5.0  # for the index process to end; it ends by itself when we are gone


class Session:
    """The state of one connection."""

    def __init__(self, server: LanguageServer, build: Builder, offer: Callable[[Client], None]) -> None:
        self.guard = Guard()
        self.client = Client()
        self.roots: tuple[Path, ...] = ()
        self.documents = Documents()
        self.shown = ShownDocuments()
        self.cores = Cores()
        self.completions = CompletionRequests(self.cores, self.guard)
        self._publishing = Publishing(server, self.guard, lambda: self.client)
        busy, show = self.completions.busy, self._publishing.show
        self.reviews = Reviews(self.cores, self.documents, self.guard, busy=busy, show=show, tell=self._report)
        self.workspace_reviews = WorkspaceReviews(self.cores, self.documents, busy=busy, send_part=self._send_part)
        self._server = server
        self._build = build
        self._offer = offer
        self.on_begin: Callable[[], None] = lambda: None  # set by whoever serves the connection, as is the next
        self.on_loaded: Callable[[], None] = lambda: None  # called in a thread
        self._pool = ThreadPoolExecutor(2, thread_name_prefix="starling")
        self._configuring: asyncio.Lock | None = None
        self._reported: set[str] = set()
        self._progress = ProgressBar(server)
        self._loading = ModelLoading(server, self.guard, lambda: self.client, tell=self.teller(), warn=self._report)
        self._watching = FileEvents(server, self.touched)
        self._gate: Gate | None = None
        self._works = Jobs(server, lambda: self.client)
        self._chosen = ChosenFixes(self.gate, self.guard)
        self.services = Services(
            self.cores,
            self.documents,
            self.completions,
            self.reviews,
            self.workspace_reviews,
            self.shown,
            self._works,
            self._chosen,
            self.guard,
            self.gate,
            self._pool,
        )
        self._begun = time.monotonic()
        self._closed = False
        self._loop: asyncio.AbstractEventLoop | None = None  # once it is started

    # What requests see

    def snapshot(self, uri: str | None) -> Snapshot:
        """Return the state now, for a request about the document `uri`."""
        document = self.documents.get(uri) if uri is not None else None
        return Snapshot(document, self.client, self.roots)

    def gate(self) -> Gate:
        """The gate of this connection."""
        if self._gate is None:
            from server.lsp.editor.editor_gate import for_editor  # noqa: PLC0415 (30 ms that no start and no key has to wait for)

            self._gate = for_editor(self._server, self)
        return self._gate

    def _send_part(self, token: int | str, value: object) -> None:
        self._server.progress(types.ProgressParams(token, value))

    # Life cycle

    def begin(self, client: Client, roots: Sequence[Path]) -> None:
        """`initialize` came. Nothing is loaded here: its answer must not wait."""
        self.client = client
        self.roots = tuple(roots)
        self._offer(client)
        self.on_begin()
        logger.info(
            "session begins",
            extra={
                "version": VERSION,
                "client": client.name,
                "client_version": client.version,
                "folders": ", ".join(map(str, self.roots)),
                "encoding": client.encoding,
            },
        )

    def start(self) -> None:
        """`initialized` came: load everything in the background."""
        self._loop = asyncio.get_running_loop()
        self._configuring = asyncio.Lock()
        self.reconfigure()

    async def close(self) -> None:
        """End everything that runs; safe twice."""
        if self._closed:
            return
        self._closed = True
        self.completions.close()
        self.reviews.close()
        self.workspace_reviews.close()
        self._works.close()
        self._watching.close()
        self._progress.close()
        self._loading.close()
        if self._gate is not None:
            await asyncio.wait((asyncio.ensure_future(self._gate.close()),), timeout=CLOSE_WAIT_S)
        core = self.cores.end()
        self._log_end(core)
        if core is not None:
            closing = asyncio.get_running_loop().run_in_executor(None, core.close)
            await asyncio.wait((closing,), timeout=CLOSE_WAIT_S)
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _later(self, call: Callable[..., None], *arguments: object) -> None:
        """Run a core call that may wait for a lock or a disk, off the event loop."""
        if not self._closed:
            work = asyncio.get_running_loop().run_in_executor(self._pool, call, *arguments)
            self.guard.background(call.__name__, work, otherwise=lambda: None)

    # Settings

    async def configure(self, sent: object) -> None:
        """(Re)build what the settings ask for; `sent` is what a change notification held, None for nothing."""
        assert self._configuring is not None  # noqa: S101 (`start` made it; a slip of ours, not of a client)
        async with self._configuring:
            loop = asyncio.get_running_loop()
            options = await configuration.pulled(self._server, self.client, sent)
            roots, old = self.roots, self.cores.current
            core = await loop.run_in_executor(self._pool, self._build, roots, options, old)
            for problem in core.problems:
                self._report(problem)
            if old is None or core.index is not old.index:
                for document in self.documents:
                    core.index.put(document.record)
                await loop.run_in_executor(self._pool, core.start, self._indexing(core))
            if self._closed:  # while we were busy
                await loop.run_in_executor(None, core.close)
                return
            self.cores.set(core)
            core.chats.listen(self.teller())
            core.index.listen(self.teller())
            _log_settings(core, old)
            if old is not None and core is not old:
                await loop.run_in_executor(self._pool, old.close_but, core)
            self._review_again(core, old)
            if len(self.documents):
                self._loading.begin(core)
            if old is None:
                self._later(_load_gate)
                self._later(self.on_loaded)
            if old is None or core.generator is not old.generator:
                for document in tuple(self.documents)[-KEPT:]:
                    self._later(core.generator.prepare, document.record)
            await self._watching.arrange(self.client, core, roots)

    def reconfigure(self, sent: object = None) -> None:
        """Settings may have changed; apply them in the background."""
        if self._configuring is not None:
            self.guard.background("configuration", self.configure(sent), otherwise=self.cores.give_up)

    def _review_again(self, core: Core, old: Core | None) -> None:
        """What was found so far may not be what is found now."""
        if old is not None and (
            core.reviewer is not old.reviewer
            or core.index is not old.index
            or core.settings.review != old.settings.review
        ):
            self.reviews.again()
            self.workspace_reviews.touched()
            self._publishing.refresh()

    def _indexing(self, core: Core) -> Callable[[IndexProgress], None]:
        """What the index calls from any thread: shows the progress, and logs when all is done."""
        shown, loop, tell = self._progress.reporter(self.client), asyncio.get_running_loop(), self.teller()
        begun: float | None = time.monotonic()  # None between two pieces of work
        level = logging.INFO

        def report(progress: IndexProgress) -> None:
            nonlocal begun, level
            if shown is not None:
                shown(progress)
            now = time.monotonic()
            if not progress.finished:
                begun = now if begun is None else begun
            elif begun is not None:
                seconds, begun = now - begun, None
                news = logging.INFO if seconds >= NEWS_S else level
                if not loop.is_closed():
                    loop.call_soon_threadsafe(self._later, _log_indexed, core, seconds, news)
                    loop.call_soon_threadsafe(self._later, self._tell_of_rules, core, tell)
                level = logging.DEBUG

        return report

    def _tell_of_rules(self, core: Core, tell: Callable[[str], None]) -> None:
        """Tell a person, once, that files are left out because nobody can wait for the rules that ignore files hold."""
        from indexing.bounds import IGNORE_BYTES, IGNORE_RULES  # noqa: PLC0415 (not before `initialize` is answered)
        from indexing.workspace.exclusion import TOO_MANY_RULES  # noqa: PLC0415 (as above)

        left_out = core.index.status().skipped.get(TOO_MANY_RULES)
        if left_out and TOO_MANY_RULES not in self._reported:
            self._reported.add(TOO_MANY_RULES)
            most = f"{IGNORE_BYTES // 1024} KB or {IGNORE_RULES:,} patterns for one file"
            left = f"{left_out:,} files and folders are left out, for ignore files hold more than {most}"
            tell(f"{left}; shorten `.gitignore` or `.starlingignore`.")

    def _log_end(self, core: Core | None) -> None:
        figures: dict[str, object] = {"seconds": round(time.monotonic() - self._begun, 1)}
        if core is not None:
            counted = core.generator.statistics()
            figures |= {"requests": counted.requests, "shown": counted.shown, "accepted": counted.accepted}
        logger.info("session ends", extra={**figures, "failures": sum(self.guard.failures.values())})

    def teller(self) -> Callable[[str], None]:
        """What shows a person a sentence from any thread."""

        def tell(sentence: str) -> None:
            if self._loop is not None and not self._loop.is_closed():
                self._loop.call_soon_threadsafe(self._works.tell, sentence)

        return tell

    def _report(self, problem: str) -> None:
        """Tell a person of a wrong setting, once."""
        if problem not in self._reported:
            self._reported.add(problem)
            logger.warning("%s", problem)
            configuration.warn(self._server, problem)

    # What notifications change

    def changed(self, document: OpenText) -> None:
        """A document was opened, or is another now."""
        self.completions.cancel(document.uri)
        new = self.documents.get(document.uri) is None
        self.documents.put(document)
        self._chosen.seen(document)
        self.reviews.changed(document, opened=new)
        if (core := self.cores.current) is not None:
            core.index.put(document.record)
            if new:
                self._later(core.generator.prepare, document.record)
            self._loading.begin(core)

    def closed(self, uri: str) -> None:
        """A document was closed."""
        self.completions.forget(uri)
        self.documents.drop(uri)
        self.reviews.closed(uri)
        self._publishing.closed(uri)
        if (core := self.cores.current) is not None:
            core.index.drop(uri)
            self._later(core.forget, uri)

    def saved(self, uri: str) -> None:
        """A document was saved."""
        self.reviews.saved(uri)

    def touched(self, paths: Collection[Path]) -> None:
        """Files were created, changed or deleted on disk."""
        self.workspace_reviews.touched()
        if (core := self.cores.current) is not None:
            self._later(core.index.touch, paths)
        if any(configuration.is_settings_file(path) for path in paths):
            self.reconfigure()

    def moved(self, added: Sequence[Path], removed: Collection[Path]) -> None:
        """Workspace folders came and went."""
        self.roots = tuple(dict.fromkeys([*(root for root in self.roots if root not in set(removed)), *added]))
        logger.info("folders changed", extra={"folders": ", ".join(map(str, self.roots))})
        if (core := self.cores.current) is not None:
            self._later(core.index.set_roots, self.roots)
        self.reconfigure()


def _load_gate() -> None:
    """For a thread: what the gate is made of, before the first edit is proposed."""
    for name in ("editor_gate", "asking"):
        importlib.import_module(f"server.lsp.editor.{name}")


def _log_indexed(core: Core, seconds: float, level: int) -> None:
    """For a thread: the index counts its files."""
    if logger.isEnabledFor(level):
        status = core.index.status()
        fields = {"files": status.files, "seconds": round(seconds, 3), "state": status.state}
        logger.log(level, "index finished", extra=fields)


def _log_settings(core: Core, old: Core | None) -> None:
    """Which settings have changed, by name; their values may hold what is nobody's business."""
    if old is None or core.settings == old.settings:
        return
    before, now = (one.settings.model_dump() for one in (old, core))
    changed = [
        f"{section}.{name}"
        for section, values in now.items()
        for name, value in values.items()
        if before[section][name] != value
    ]
    logger.info("settings changed", extra={"changed": ", ".join(changed)})
