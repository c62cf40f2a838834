"""An editor in the same process: sends messages to a real server object and keeps what comes back."""

# ruff: noqa: ARG002 (doubles take what the real ones take)

from __future__ import annotations

import asyncio
import itertools
import json
import re
import threading
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from agents.completion.statistics import CompletionStatistics
from agents.findings import Finding, Layer, Severity
from agents.next_edit.next_editor import NextEditor
from agents.reviewer import validity
from agents.suggestions import Completion, Origin, Suggestion, Trigger
from indexing.limits import IndexLimits
from indexing.records import Hit, IndexProgress, IndexStatus, Query
from indexing.syntax.documents import Document, Span
from indexing.syntax.trees import SyntaxTrees
from indexing.vectors.vector_search import VectorSearch
from models.remote.fallback import FallbackChain, Link
from server.assembly.chats import Chats
from server.assembly.core import Core
from server.lsp.language_server import StarlingServer, create_server
from tests.agents.doubles import DocumentAccess

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from agents.completion.completion_policy import CompletionPolicy
    from agents.completion.generator import Generator
    from agents.reviewer.reviewer import Reviewer
    from agents.reviewer.validity import Verdict
    from indexing.index import Index
    from indexing.syntax.syntax import Syntax
    from models.chat import ChatModel
    from models.local.lazy_model import LazyModel

URI = "untitled:main.py"
WAIT_S = 20.0
SILENCE = object()  # an answer that never comes


@dataclass
class MemoryIndex(DocumentAccess):
    """Records what the server tells it."""

    documents: dict[str, Document] = field(default_factory=dict)
    touched: list[Path] = field(default_factory=list)
    roots: tuple[Path, ...] = ()
    excluded: set[Path] = field(default_factory=set)
    hits: tuple[Hit, ...] = ()
    report: Callable[[IndexProgress], None] | None = None
    started: int = 0
    closed: int = 0
    limits: IndexLimits = field(default_factory=IndexLimits)
    tell: Callable[[str], None] = lambda _: None
    vectors: VectorSearch = field(default_factory=lambda: VectorSearch(Path(), None, lambda: None, lambda *_: False))

    def start(self, on_progress: Callable[[IndexProgress], None] | None = None) -> None:
        self.report = on_progress
        self.started += 1

    def close(self) -> None:
        self.closed += 1

    def open_document(self, document: Document) -> None:
        self.documents[document.uri] = document

    def close_document(self, uri: str) -> None:
        self.documents.pop(uri, None)

    def reindex(self, paths: Collection[Path]) -> None:
        self.touched += paths

    def set_roots(self, roots: Sequence[Path]) -> None:
        self.roots = tuple(roots)

    def find_exclusion_reason(self, path: Path) -> str:
        return "secret" if path in self.excluded else ""

    def explain(self, path: Path) -> str:
        return f"{path.name} is left out (secret)." if path in self.excluded else ""

    def find_waived_reasons(self, path: Path) -> tuple[str, ...]:
        return ()

    def set_rebuild_listener(self, tell: Callable[[str], None]) -> None:
        self.tell = tell

    def search(self, query: Query, *, limit: int = 10, deadline: float | None = None) -> tuple[Hit, ...]:
        return self.hits[:limit]

    def find_definitions(
        self, names: Collection[str], *, document: Document, limit: int = 10, deadline: float | None = None
    ) -> tuple[Hit, ...]:
        return ()

    def find_related_definitions(
        self, document: Document, offset: int, *, limit: int = 10, deadline: float | None = None
    ) -> tuple[Hit, ...]:
        return ()

    def read_status(self) -> IndexStatus:
        return IndexStatus("ready", files=3)


@dataclass
class ScriptedGenerator:
    """Answers `text`; with `gate` set, waits until it is opened or the request is cancelled, as a slow model does."""

    text: str = "suggested()"
    gate: threading.Event | None = None
    error: Exception | None = None
    begun: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    asked: list[tuple[Document, int, Trigger, str | None, int]] = field(default_factory=list)
    cancelled: Counter[int] = field(default_factory=Counter)
    reusable: Completion | None = None
    policies: list[CompletionPolicy] = field(default_factory=list)
    events: list[tuple[str, str]] = field(default_factory=list)
    prepared: list[tuple[str, int]] = field(default_factory=list)

    def complete(
        self,
        document: Document,
        offset: int,
        *,
        trigger: Trigger,
        selected: str | None = None,
        cancelled: Callable[[], bool],
        limit: int = 1,
    ) -> Completion:
        self.asked.append((document, offset, trigger, selected, limit))
        self.begun.release()
        if self.error is not None:
            raise self.error
        while self.gate is not None and not self.gate.wait(0.001):
            if cancelled():
                self.cancelled[document.version] += 1
                return Completion((), "cancelled")
        texts = [self.text] if limit == 1 else [f"{self.text} #{number}" for number in range(limit)]
        return Completion(tuple(suggestion(text, offset, name=f"id{n}") for n, text in enumerate(texts)))

    def is_on(self, document: Document) -> bool:
        return not self.policies or self.policies[-1].is_on(document.language)

    def reuse(self, document: Document, offset: int) -> Completion | None:
        return self.reusable

    def has_joinable_run(self, document: Document, offset: int) -> bool:
        return False

    def record_shown(self, suggestion_id: str) -> None:
        self.events.append(("shown", suggestion_id))

    def record_accepted(self, suggestion_id: str, length: int | None = None) -> None:
        self.events.append(("accepted", suggestion_id))

    def prepare(self, document: Document) -> None:
        self.prepared.append((document.uri, document.version))

    def forget(self, uri: str) -> None:
        self.events.append(("forget", uri))

    def set_model(self, model: object) -> None:
        self.events.append(("model", str(model)))

    def set_policy(self, policy: CompletionPolicy) -> None:
        self.policies.append(policy)

    def compute_statistics(self) -> CompletionStatistics:
        return CompletionStatistics(requests=len(self.asked))

    def close(self) -> None:
        self.events.append(("close", ""))


@dataclass
class ScriptedReviewer:
    """Finds each `word` of `findings` wherever it stands; with `gate` set, waits as `ScriptedGenerator` does."""

    findings: dict[str, Finding] = field(default_factory=dict)
    gate: threading.Event | None = None
    error: Exception | None = None
    begun: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    asked: list[tuple[Document, frozenset[Layer]]] = field(default_factory=list)
    cancelled: int = 0
    problem: str = ""

    def close(self) -> None:
        """Do nothing."""

    def check_syntax(self, document: Document, syntax: Syntax) -> Verdict:
        return validity.check_syntax(document, syntax)

    def review(
        self,
        document: Document,
        *,
        layers: Collection[Layer],
        cancelled: Callable[[], bool] = lambda: False,
        syntax: object = None,
        whole: bool = True,
    ) -> tuple[Finding, ...]:
        self.asked.append((document, frozenset(layers)))
        self.begun.release()
        if self.error is not None:
            raise self.error
        while self.gate is not None and not self.gate.wait(0.001):
            if cancelled():
                self.cancelled += 1
                return ()
        found = [
            replace(finding, span=Span(at.start(), at.end()))
            for word, finding in self.findings.items()
            if finding.layer in layers
            for at in re.finditer(re.escape(word), document.text)
        ]
        return tuple(sorted(found, key=lambda one: one.span.start))


def finding(code: str = "bad-word", severity: Severity = Severity.WARNING, **other: Any) -> Finding:
    return Finding(code, severity, Span(0, 0), f"{code} is found.", **other)


def suggestion(text: str, start: int, end: int | None = None, name: str = "id0") -> Suggestion:
    return Suggestion(name, text, start, start if end is None else end, Origin.MODEL, 0.9, "scripted")


class Editor:
    """The client's side; give it a generator and an index, or a `build` of your own."""

    def __init__(self, generator: ScriptedGenerator | None = None, index: MemoryIndex | None = None) -> None:
        self.generator = generator or ScriptedGenerator()
        self.index = index or MemoryIndex()
        self.reviewer = ScriptedReviewer()
        self.sent: list[dict[str, Any]] = []
        self.answers: dict[str, Any] = {}  # to the server's requests, by method; or what makes them
        self.built: list[tuple[tuple[Path, ...], object]] = []
        self.may_build = threading.Event()
        self.may_build.set()
        self.build_error: Exception | None = None
        self.model: LazyModel | None = None
        self.quick: LazyModel | None = None
        self.chat: ChatModel | None = None
        self._ids = itertools.count(1)
        self._changed = asyncio.Event()
        self.server: StarlingServer = create_server(self._build)
        self.server.exit_status = asyncio.get_running_loop().create_future()
        self.server.protocol.set_writer(self, include_headers=False)

    def _build(self, roots: Sequence[Path], options: object, old: Core | None) -> Core:
        from server.assembly import policies, settings  # noqa: PLC0415 (as the program: nothing heavy before it is asked for)

        self.may_build.wait(WAIT_S)
        self.built.append((tuple(roots), options))
        if self.build_error is not None:
            raise self.build_error
        resolved, problems = settings.resolve(
            editor=options, roots=roots, environment={"STARLING_INDEX__WATCH": "false"}
        )
        generator = cast("Generator", self.generator)
        generator.set_policy(policies.build_completion_policy(resolved))
        chain = FallbackChain([Link(self.chat, "this machine")]) if self.chat is not None else None
        return Core(
            resolved,
            cast("Index", self.index),
            generator,
            self.model,
            policies.make_completion_exclusion(roots, resolved),
            tuple(map(str, problems)),
            cast("Reviewer", self.reviewer),
            Chats(chain, chain),
            quick=self.quick,
            next_editor=NextEditor(SyntaxTrees(), policies.build_next_edit_policy(resolved)),
        )

    # What the server writes

    def write(self, data: bytes) -> None:
        message = json.loads(data)
        self.sent.append(message)
        if "method" in message and "id" in message:
            self._respond(message)
        self._changed.set()

    def _respond(self, message: dict[str, Any]) -> None:
        answer = self.answers.get(message["method"])
        if callable(answer):
            answer = answer(message["params"])
        if isinstance(answer, Exception):
            self.receive({"id": message["id"], "error": {"code": -32601, "message": str(answer)}})
        elif answer is not SILENCE:
            self.receive({"id": message["id"], "result": answer})

    def close(self) -> None:
        """Do nothing; a writer of pygls has this."""

    # What the editor says

    def receive(self, message: dict[str, Any]) -> None:
        self.server.protocol.receive(json.dumps({"jsonrpc": "2.0", **message}).encode())

    def notify(self, method: str, params: object) -> None:
        self.receive({"method": method, "params": params})

    def ask(self, method: str, params: object) -> int:
        """Send a request and return its id."""
        identity = next(self._ids)
        self.receive({"id": identity, "method": method, "params": params})
        return identity

    async def answer(self, identity: int) -> dict[str, Any]:
        """Wait for the response to the request with the id `identity` and return the whole message."""
        return await self.message(lambda message: message.get("id") == identity and "method" not in message)

    async def message(self, wanted: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
        """Return the first message, sent or still to come, for which `wanted` returns true."""
        async with asyncio.timeout(WAIT_S):
            while True:
                for message in self.sent:
                    if wanted(message):
                        return message
                self._changed.clear()
                await self._changed.wait()

    async def begin(
        self, capabilities: dict[str, Any] | None = None, *, ready: bool = True, **params: object
    ) -> dict[str, Any]:
        """Do the handshake and return the server's capabilities; with `ready`, wait until the core is built."""
        declared = {"textDocument": {"inlineCompletion": {}}} if capabilities is None else capabilities
        identity = self.ask("initialize", {"processId": None, "rootUri": None, "capabilities": declared, **params})
        answer = await self.answer(identity)
        self.notify("initialized", {})
        if ready:
            await self.server.session.cores.wait(WAIT_S)
        return dict(answer["result"]["capabilities"])

    def open(self, text: str, *, uri: str = URI, version: int = 1, language: str = "python") -> None:
        item = {"uri": uri, "languageId": language, "version": version, "text": text}
        self.notify("textDocument/didOpen", {"textDocument": item})

    def type(self, text: str, line: int, character: int, *, version: int, uri: str = URI) -> None:
        place = {"line": line, "character": character}
        changes = [{"range": {"start": place, "end": place}, "text": text}]
        self.notify(
            "textDocument/didChange", {"textDocument": {"uri": uri, "version": version}, "contentChanges": changes}
        )

    def complete(
        self, line: int = 0, character: int = 0, *, uri: str = URI, invoked: bool = False, selected: object = None
    ) -> int:
        """Ask for an inline completion and return the id of the request."""
        context = {"triggerKind": 1 if invoked else 2, "selectedCompletionInfo": selected}
        place = {"line": line, "character": character}
        return self.ask(
            "textDocument/inlineCompletion", {"textDocument": {"uri": uri}, "position": place, "context": context}
        )

    async def items(self, identity: int) -> list[dict[str, Any]]:
        """Return the items in the response to the request with the id `identity`, which `complete` sent."""
        answer = await self.answer(identity)
        return list(answer["result"]["items"])

    async def wait_for_generation(self) -> None:
        """Wait until the generator has begun one more request."""
        assert await asyncio.to_thread(self.generator.begun.acquire, timeout=WAIT_S)

    async def wait_for_builds(self, times: int) -> None:
        """Wait until the core was built `times` times, and the last one is in use."""
        await self.until(lambda: len(self.built) >= times)
        lock = self.server.session._configuring
        assert lock is not None
        async with lock:
            pass

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until `holds` returns true; another thread brings that about."""
        async with asyncio.timeout(WAIT_S):
            while not holds():  # noqa: ASYNC110 (other threads do not know this loop)
                await asyncio.sleep(0.005)

    async def end(self) -> None:
        await self.server.session.close()
