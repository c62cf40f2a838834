"""One editor's session: the mutable state of a connection, which notifications change.

Requests get a snapshot of the state and the services. Lives on the event loop and never blocks it. Settings, index and
models are loaded in the background and arrive as a `Core`; all that needs none works before. Start at `Session`.
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
from server.access.roles import Action
from server.assembly.core import CoreHolder
from server.assembly.observation.sources import SOURCES
from server.gate.question.shown_documents import ShownDocuments
from server.lsp.editor import configuration
from server.lsp.editor.client import Client
from server.lsp.editor.file_events import FileEvents
from server.lsp.editor.jobs import Jobs
from server.lsp.editor.progress import ProgressBar
from server.lsp.session.chosen_fixes import ChosenFixes
from server.lsp.session.completion_requests import CompletionRequests
from server.lsp.session.model_loading import ModelLoading
from server.lsp.session.next_edit_requests import NextEditRequests
from server.lsp.session.open_documents import Documents
from server.lsp.session.publishing import Publishing
from server.lsp.session.reviews import Reviews
from server.lsp.session.services import Services
from server.lsp.session.session_log import log_indexed, log_settings
from server.lsp.session.snapshot import Snapshot
from server.lsp.session.workspace_reviews import WorkspaceReviews
from server.lsp.wire.guard import Guard
from server.observation.figures import figures
from server.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from pathlib import Path

    from pygls.lsp.server import LanguageServer

    from indexing.records import IndexProgress
    from server.assembly.core import Builder, Core
    from server.gate.gate import Gate
    from server.lsp.editor.editor_pairing import EditorPairing
    from server.lsp.editor.editor_team import EditorTeam
    from server.lsp.session.open_documents import OpenText
    from server.lsp.session.visits import Visit

logger = logging.getLogger(__name__)

LONG_INDEXING_S = 1.0  # indexing that took longer is logged at level INFO; that of a saved file is not
CLOSE_WAIT_S = 5.0  # for the index process to end; it also ends when this process has ended


class Session:
    """The state of one connection."""

    def __init__(self, server: LanguageServer, build: Builder, offer: Callable[[Client], None]) -> None:
        self.guard = Guard()
        self.client = Client()
        self.roots: tuple[Path, ...] = ()
        self.documents = Documents()
        self.shown = ShownDocuments()
        self.cores = CoreHolder()
        self.next_edits = NextEditRequests(
            self.cores,
            self.documents,
            self.guard,
            get_client=lambda: self.client,
            get_findings=lambda one: self.reviews.list_static_findings(one),  # noqa: PLW0108 (made later)
        )
        self.completions = CompletionRequests(self.cores, self.guard, self.next_edits)
        self._publishing = Publishing(server, self.guard, lambda: self.client)
        busy, show = self.completions.is_busy, self._publishing.show
        self.reviews = Reviews(self.cores, self.documents, self.guard, busy=busy, show=show, tell=self._report)
        self.workspace_reviews = WorkspaceReviews(self.cores, self.documents, busy=busy, send_part=self._send_part)
        self._server = server
        self._build = build
        self._offer = offer
        # set by the module that serves the connection; `on_loaded` runs in a thread
        self.on_begin: Callable[[], None] = lambda: None
        self.on_loaded: Callable[[], None] = lambda: None
        self._pool = ThreadPoolExecutor(2, thread_name_prefix="starling")
        self._configuring: asyncio.Lock | None = None
        self._reported: set[str] = set()
        self._progress = ProgressBar(server)
        self._loading = ModelLoading(
            server, self.guard, lambda: self.client, tell=self.make_notifier(), warn=self._report
        )
        self._file_events = FileEvents(server, self.reread_files)
        self._gate: Gate | None = None
        self._team: EditorTeam | None = None
        self._pairing: EditorPairing | None = None
        self._jobs = Jobs(server, lambda: self.client)
        self._following: asyncio.Future[None] | None = None
        self._chosen_fixes = ChosenFixes(self.get_gate, self.guard)
        self.services = Services(
            self.cores,
            self.documents,
            self.completions,
            self.next_edits,
            self.reviews,
            self.workspace_reviews,
            self.shown,
            self._jobs,
            self._chosen_fixes,
            self.guard,
            self.get_gate,
            self.get_team,
            self._pool,
            lambda: self.visit,
        )
        self._begun = time.monotonic()
        self._closed = False
        self._loop: asyncio.AbstractEventLoop | None = None  # set by `start`
        self.visit: Visit | None = None  # of an account; set before `initialize` is handled

    # For requests

    def take_snapshot(self, uri: str | None) -> Snapshot:
        """Return the current state, for a request about the document `uri` (None for no document)."""
        document = self.documents.get(uri) if uri is not None else None
        return Snapshot(document, self.client, self.roots)

    def find_core(self) -> Core | None:
        """Return the core; None before it is built and after its end. Any thread may call this."""
        return self.cores.current

    def count_findings(self) -> Mapping[str, int]:
        """Return the numbers of findings in open documents by severity. Any thread may call this."""
        return self.reviews.count_findings()

    def get_gate(self) -> Gate:
        """Return the gate of this connection, created on first use."""
        if self._gate is None:
            from server.lsp.editor.editor_gate import create_editor_gate  # noqa: PLC0415 (takes 30 ms)

            self._gate = create_editor_gate(self._server, self)
        return self._gate

    def get_team(self) -> EditorTeam:
        """Return the team of agents of this connection, created on first use."""
        if self._team is None:
            from server.lsp.editor.editor_team import EditorTeam  # noqa: PLC0415 (its imports take longer than the start)

            self._team = EditorTeam(self._server, self)
        return self._team

    def _send_part(self, token: int | str, value: object) -> None:
        """Send a partial result under the client's `token`."""
        self._server.progress(types.ProgressParams(token, value))

    # Life cycle

    def begin(self, client: Client, roots: Sequence[Path]) -> None:
        """Handle `initialize`: store the client and the folders, and register the requests that suit the client.

        Loads nothing, to answer fast.
        """
        self.client = client
        self.roots = self._admit_folders(roots)
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
        """Handle `initialized`: load settings, index and models in the background."""
        self._loop = asyncio.get_running_loop()
        self._configuring = asyncio.Lock()
        SOURCES.add(self)
        figures.add("starling_sessions")
        self.reconfigure()

    async def close(self) -> None:
        """Stop all services and close the core, within a bounded time. Idempotent."""
        if self._closed:
            return
        self._closed = True
        if self._loop is not None:
            SOURCES.remove(self)
            figures.add("starling_sessions", -1)
        self.completions.close()
        self.next_edits.close()
        self.reviews.close()
        self.workspace_reviews.close()
        self._jobs.close()
        self._file_events.close()
        self._progress.close()
        self._loading.close()
        if self._following is not None:
            self._following.cancel()
            await asyncio.wait((self._following,), timeout=CLOSE_WAIT_S)
        for user in (self._pairing, self._team, self._gate):  # the team's turns use the gate
            if user is not None:
                await asyncio.wait((asyncio.ensure_future(user.close()),), timeout=CLOSE_WAIT_S)
        core = self.cores.end()
        self._log_end(core)
        if core is not None:
            closing = asyncio.get_running_loop().run_in_executor(None, core.close)
            await asyncio.wait((closing,), timeout=CLOSE_WAIT_S)
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _run_in_thread(self, call: Callable[..., None], *arguments: object) -> None:
        """Start `call`, which may block, in a thread, without waiting for it; do nothing once the session is closed."""
        if not self._closed:
            work = asyncio.get_running_loop().run_in_executor(self._pool, call, *arguments)
            self.guard.run_in_background(call.__name__, work, otherwise=lambda: None)

    # Settings

    async def configure(self, sent: object) -> None:
        """Fetch the settings, build a core with them, start its index if it is new, and publish it in place of the old.

        Reviews open documents again if the change affects reviews, and warns the person of problems. Loads the models
        if documents are open. The first time, also offers the editor to agents, and shows alerts. `sent` has the
        settings from a change notification, None without one; they are used if the client cannot be asked.
        """
        assert self._configuring is not None  # noqa: S101 (`start` creates it)
        async with self._configuring:
            loop = asyncio.get_running_loop()
            options = await self._fetch_options(sent)
            roots, old = self.roots, self.cores.current
            core = await loop.run_in_executor(self._pool, self._build, roots, options, old)
            for problem in core.problems:
                self._report(problem)
            if old is None or core.index is not old.index:
                for document in self.documents:
                    core.index.open_document(document.record)
                await loop.run_in_executor(self._pool, core.start, self._make_index_listener(core))
            if self._closed:  # while the core was being built
                await loop.run_in_executor(None, core.close)
                return
            self.cores.publish(core)
            core.chats.set_listener(self.make_notifier())
            core.index.set_rebuild_listener(self.make_notifier())
            log_settings(core, old)
            if old is not None and core is not old:
                await loop.run_in_executor(self._pool, old.close_unshared, core)
            self._review_again(core, old)
            if len(self.documents):
                self._loading.begin(core)
            if old is None:
                self._run_in_thread(_load_gate)
                self._run_in_thread(self.on_loaded)
                self.guard.run_in_background("pairing", self._pair(), otherwise=lambda: None)
                self._following = self.guard.run_in_background("changes", self._follow(), otherwise=lambda: None)
            if old is None or core.generator is not old.generator:
                for document in tuple(self.documents)[-KEPT:]:
                    self._run_in_thread(core.generator.prepare, document.record)
            await self._file_events.subscribe(self.client, core, roots)

    async def _fetch_options(self, sent: object) -> object:
        """Return the editor's settings; for an account that is no admin, those that a workspace could set, too."""
        options = await configuration.fetch(self._server, self.client, sent)
        if self.visit is None or self.visit.allows(Action.ADMINISTER):
            return options
        return await asyncio.get_running_loop().run_in_executor(self._pool, _restrict_options, options)

    async def _pair(self) -> None:
        """Offer the editor to agents of other processes, if it takes edits from a server and a folder is open.

        Editors of accounts are not offered.
        """
        if not self.client.editing.applies or not self.roots or self.visit is not None:
            return
        await asyncio.to_thread(importlib.import_module, "server.lsp.editor.editor_pairing")
        if not self._closed:
            from server.lsp.editor.editor_pairing import EditorPairing  # noqa: PLC0415 (takes longer than the start may)

            self._pairing = EditorPairing(self._server, self)
            await self._pairing.start()

    async def _follow(self) -> None:
        """Show alerts about the team, until this call is cancelled; tell a client that follows of other changes."""
        alerts = await asyncio.to_thread(importlib.import_module, "server.lsp.editor.alert_messages")
        following = []
        if self.visit is None or self.visit.allows(Action.ADMINISTER):
            showing = alerts.show_alerts(lambda: self.roots, lambda: self.cores.current, self._jobs.show_message)
            following.append(showing)
        if self.client.follows:
            module = await asyncio.to_thread(importlib.import_module, "server.lsp.editor.state_changes")
            following.append(module.follow_changes(self._server, lambda: self.roots))
        await asyncio.gather(*following)

    def reconfigure(self, sent: object = None) -> None:
        """Run `configure` in the background, because settings may have changed; do nothing before `start`.

        If it fails, requests do not wait for the core any longer.
        """
        if self._configuring is not None:
            self.guard.run_in_background("configuration", self.configure(sent), otherwise=self.cores.give_up)

    def _review_again(self, core: Core, old: Core | None) -> None:
        """Review all documents again if the reviewer, the index or the review settings differ from those of `old`.

        Does nothing for the first core, for which `old` is None.
        """
        if old is not None and (
            core.reviewer is not old.reviewer
            or core.index is not old.index
            or core.settings.review != old.settings.review
        ):
            self.reviews.review_all()
            self.workspace_reviews.answer_waiting()
            self._publishing.refresh()

    def _make_index_listener(self, core: Core) -> Callable[[IndexProgress], None]:
        """Return the index's progress callback, for any thread: it shows the progress and logs the end of indexing.

        At the end it also tells the person of files that are left out because of large ignore files.
        """
        shown, loop, tell = self._progress.make_reporter(self.client), asyncio.get_running_loop(), self.make_notifier()
        begun: float | None = time.monotonic()  # None between two runs
        level = logging.INFO

        def report(progress: IndexProgress) -> None:
            """Show the progress; at the end of a run, have it logged and the left-out files reported."""
            nonlocal begun, level
            if shown is not None:
                shown(progress)
            now = time.monotonic()
            if not progress.finished:
                begun = now if begun is None else begun
            elif begun is not None:
                seconds, begun = now - begun, None
                end_level = logging.INFO if seconds >= LONG_INDEXING_S else level
                if not loop.is_closed():
                    loop.call_soon_threadsafe(self._run_in_thread, log_indexed, core, seconds, end_level)
                    loop.call_soon_threadsafe(self._run_in_thread, self._report_ignore_limits, core, tell)
                level = logging.DEBUG

        return report

    def _report_ignore_limits(self, core: Core, tell: Callable[[str], None]) -> None:
        """Tell the person, once in a session, if files are left out because their ignore files are too large."""
        from indexing.bounds import IGNORE_BYTES, IGNORE_RULES  # noqa: PLC0415 (not before `initialize` is answered)
        from indexing.workspace.exclusion import TOO_MANY_RULES  # noqa: PLC0415 (as above)

        left_out = core.index.read_status().skipped.get(TOO_MANY_RULES)
        if left_out and TOO_MANY_RULES not in self._reported:
            self._reported.add(TOO_MANY_RULES)
            most = f"{IGNORE_BYTES // 1024} KB or {IGNORE_RULES:,} patterns for one file"
            sentence = f"{left_out:,} files and folders are left out, because ignore files hold more than {most}"
            tell(f"{sentence}; shorten `.gitignore` or `.starlingignore`.")

    def _log_end(self, core: Core | None) -> None:
        """Log the session's length in seconds, its completions and its failures."""
        figures: dict[str, object] = {"seconds": round(time.monotonic() - self._begun, 1)}
        if core is not None:
            counted = core.generator.compute_statistics()
            figures |= {"requests": counted.requests, "shown": counted.shown, "accepted": counted.accepted}
        logger.info("session ends", extra={**figures, "failures": sum(self.guard.failures.values())})

    def make_notifier(self) -> Callable[[str], None]:
        """Return a function that shows the person a sentence; any thread may call it."""

        def tell(sentence: str) -> None:
            """Show `sentence` to the person; do nothing before `start` and after the end of the event loop."""
            if self._loop is not None and not self._loop.is_closed():
                self._loop.call_soon_threadsafe(self._jobs.show_message, sentence)

        return tell

    def _report(self, problem: str) -> None:
        """Warn the person of a problem, once for each text."""
        if problem not in self._reported:
            self._reported.add(problem)
            logger.warning("%s", problem)
            configuration.warn(self._server, problem)

    def _admit_folders(self, folders: Sequence[Path]) -> tuple[Path, ...]:
        """Return the folders that may be opened here, all without an account; warn the person of the others."""
        admitted, refused = (tuple(folders), ()) if self.visit is None else self.visit.choose_folders(folders)
        for folder in refused:
            self._report(f"{folder} is no workspace of this server; ask its admin to add it to `access.workspaces`.")
        return admitted

    # For notifications

    def put_document(self, document: OpenText) -> None:
        """Store a document that was opened or has changed; cancel its completion request, review and index it.

        Also records a chosen fix that the change applies, and begins to load the models.
        """
        self.completions.cancel(document.uri)
        old = self.documents.get(document.uri)
        self.documents.put(document)
        self.next_edits.note_change(old, document)
        self._chosen_fixes.record_if_applied(document)
        self.reviews.schedule(document, opened=old is None)
        if (core := self.cores.current) is not None:
            core.index.open_document(document.record)
            if old is None:
                self._run_in_thread(core.generator.prepare, document.record)
            self._loading.begin(core)

    def close_document(self, uri: str) -> None:
        """Forget the closed document `uri` and remove its diagnostics; from now on the index reads the file on disk."""
        self.completions.forget(uri)
        self.next_edits.forget(uri)
        self.documents.drop(uri)
        self.reviews.forget(uri)
        self._publishing.clear(uri)
        if (core := self.cores.current) is not None:
            core.index.close_document(uri)
            self._run_in_thread(core.forget, uri)

    def review_saved(self, uri: str) -> None:
        """Note that the document `uri` was saved; start to review it, unless its review is finished."""
        self.documents.note_saved(uri)
        self.reviews.review_saved(uri)

    def reread_files(self, paths: Collection[Path]) -> None:
        """Index changed files again, and reload the settings if a settings file is among `paths`.

        Also answers a request for diagnostics of the workspace that waits for a change.
        """
        self.workspace_reviews.answer_waiting()
        if (core := self.cores.current) is not None:
            self._run_in_thread(core.index.reindex, paths)
        if any(configuration.is_settings_file(path) for path in paths):
            self.reconfigure()

    def change_folders(self, added: Sequence[Path], removed: Collection[Path]) -> None:
        """Add and remove workspace folders, index them accordingly, and reload the settings."""
        kept = (root for root in self.roots if root not in set(removed))
        self.roots = tuple(dict.fromkeys([*kept, *self._admit_folders(added)]))
        logger.info("folders changed", extra={"folders": ", ".join(map(str, self.roots))})
        if (core := self.cores.current) is not None:
            self._run_in_thread(core.index.set_roots, self.roots)
        if self._pairing is not None:
            self.guard.run_in_background("pairing", self._pairing.announce(), otherwise=lambda: None)
        self.reconfigure()


def _restrict_options(options: object) -> object:
    """Return the editor's settings that a workspace could set, too; for accounts that are no admins. Blocking."""
    from server.assembly.settings import restrict_editor  # noqa: PLC0415 (takes longer than the start may)

    return restrict_editor(options)


def _load_gate() -> None:
    """Import the gate's modules before the first edit is proposed. Call it in a thread."""
    for name in ("editor_gate", "asking"):
        importlib.import_module(f"server.lsp.editor.{name}")
