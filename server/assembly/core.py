"""The core of a session, built from the settings: index, models, completion generator and reviewer.

Imports everything heavy inside functions, in a background thread, after `initialize` was answered. Leaves out a part
that cannot be built and reports it in `Core.problems`; the other parts work. Start at `build`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Protocol

from indexing.syntax.trees import SyntaxTrees
from server.assembly import chats as chat_models
from server.assembly import policies
from server.assembly.chats import Chats

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from agents.completion.generator import Generator
    from agents.next_edit.next_editor import NextEditor
    from agents.reviewer.layers import Examiner
    from agents.reviewer.reviewer import Reviewer
    from indexing.index import Index
    from indexing.limits import IndexLimits
    from indexing.records import IndexProgress
    from models.chat import ChatModel
    from models.local.lazy_embedder import LazyEmbedder
    from models.local.lazy_model import LazyModel
    from server.assembly.settings import Settings
    from server.mcp_client.pool import ServerPool
    from server.state.cost_ledger import Costs

logger = logging.getLogger(__name__)

Builder = Callable[["Sequence[Path]", object, "Core | None"], "Core"]
"""A blocking function that takes the workspace folders, the editor's settings and the present core; returns a core."""


@dataclass(frozen=True, slots=True)
class Core:
    """The parts that serve a session, built from one set of settings.

    Attributes:
        settings: the settings from which the parts were built.
        index: the index; if the settings turn it off, it has the open documents only.
        generator: the generator of completions.
        model: the completion model, None for none.
        quick: the bundled model if the chosen one is large; completes while the large one is loading or too slow.
        trees: the parse cache, shared by all parts that read syntax.
        is_completion_excluded: returns whether the settings exclude a file from completion.
        problems: problems of the settings and the model, a sentence each.
        reviewer: the reviewer, None if it could not be built.
        chats: the chat models; empty if none is configured.
        costs: the record of the chat models' costs; None without a chat model.
        servers: the person's MCP servers; None for none.
        next_editor: finds next edits; None where nobody edits.
    """

    settings: Settings
    index: Index
    generator: Generator
    model: LazyModel | None
    is_completion_excluded: Callable[[Path], bool] = lambda _: False
    problems: tuple[str, ...] = ()
    reviewer: Reviewer | None = None
    chats: Chats = field(default_factory=Chats)
    costs: Costs | None = None
    quick: LazyModel | None = None
    trees: SyntaxTrees = field(default_factory=SyntaxTrees)
    servers: ServerPool | None = None
    next_editor: NextEditor | None = None

    @property
    def chat(self) -> ChatModel | None:
        """The chat model for conversations, None if none is configured."""
        return self.chats.chat

    @property
    def review_chat(self) -> ChatModel | None:
        """The chat model for reviews, None if none is configured."""
        return self.chats.review

    @property
    def review_limits(self) -> IndexLimits:
        """The limits of a review of whole folders."""
        return policies.build_review_limits(self.settings)

    @property
    def index_limits(self) -> IndexLimits:
        """The limits of the index, which also apply to the files of tasks and of the gate."""
        return policies.build_index_limits(self.settings)

    def start(self, on_progress: Callable[[IndexProgress], None] | None) -> None:
        """Start indexing if the settings allow it; `on_progress` is called as the index grows."""
        if self.settings.index.enabled:
            self.index.start(on_progress)
            self.index.vectors.start()

    def forget(self, uri: str) -> None:
        """Drop the cached data of the closed document `uri`; the index keeps its file."""
        self.generator.forget(uri)
        self.trees.forget(uri)

    def close(self) -> None:
        """Close all parts: end the index process and MCP servers, free the models, close the chats. Idempotent."""
        self.generator.set_model(None)
        for model in (self.model, self.quick):
            if model is not None:
                model.close()
        self.index.close()
        self.generator.close()
        if self.reviewer is not None:
            self.reviewer.close()
        self._close_chats()
        if self.servers is not None:
            self.servers.close()

    def close_unshared(self, kept: Core) -> None:
        """Close the parts of this core that are not also parts of `kept`, the core that replaces it or its base."""
        for model in (self.model, self.quick):
            if model is not None and model is not kept.model and model is not kept.quick:
                model.close()
        if self.index is not kept.index:
            self.index.close()
        if self.generator is not kept.generator:
            self.generator.close()
        if self.reviewer is not None and self.reviewer is not kept.reviewer:
            self.reviewer.close()
        if self.chats is not kept.chats:
            self._close_chats()
        if self.servers is not None and self.servers is not kept.servers:
            self.servers.close()

    def _close_chats(self) -> None:
        """Close the chat models and the record of their costs."""
        self.chats.close()
        if self.costs is not None:
            self.costs.close()


class WaitTicket(Protocol):
    """A ticket of a request that waits for the core and may be superseded."""

    async def wait_for(self, arrival: asyncio.Future[None], timeout_s: float) -> None:
        """Wait until `arrival` is done, the request is superseded, or `timeout_s` seconds have passed."""
        ...


class CoreHolder:
    """The holder of the current core; requests wait here until it is built. For the event loop only."""

    def __init__(self) -> None:
        self.current: Core | None = None
        self._waiting: list[asyncio.Future[None]] = []
        self._ended = False

    async def wait(self, timeout_s: float, ticket: WaitTicket | None = None) -> Core | None:
        """Return the core; wait for it up to `timeout_s` seconds, or until `ticket` is superseded.

        Returns None if there is no core by then, and at once if no core will be built.
        """
        if self.current is None and not self._ended:
            arrival = asyncio.get_running_loop().create_future()
            self._waiting.append(arrival)
            if ticket is None:
                await asyncio.wait((arrival,), timeout=timeout_s)
            else:
                await ticket.wait_for(arrival, timeout_s)
        return self.current

    def publish(self, core: Core) -> None:
        """Make `core` the current one and wake all waiting requests."""
        self.current = core
        self._wake()

    def give_up(self) -> None:
        """Wake all waiting requests, and make later ones return at once, because no core will be built."""
        self._ended = True
        self._wake()

    def end(self) -> Core | None:
        """Remove the current core and return it, None if there is none; requests get no core from now on."""
        core, self.current = self.current, None
        self.give_up()
        return core

    def _wake(self) -> None:
        """Wake all waiting requests."""
        for arrival in self._waiting:
            if not arrival.done():
                arrival.set_result(None)
        self._waiting.clear()


def build(roots: Sequence[Path], options: object, old: Core | None, *, foreground: bool = False) -> Core:
    """Read the settings of all layers and build the core from them; blocking. Loads no weights and indexes nothing.

    Args:
        roots: the workspace folders.
        options: the editor's settings, None for none.
        old: the present core; parts whose settings are the same are reused, and updated. None if there is none.
        foreground: whether a person waits for the index, which is then built with normal priority.
    """
    from models.local import allocator  # noqa: PLC0415 (brings ctypes; and a model's threads must find it done)

    allocator.limit_memory()
    from indexing.workspace.secrets.known_places import register_secrets  # noqa: PLC0415 (as the next)
    from server.assembly import settings as layers  # noqa: PLC0415 (brings pydantic, 200 ms; nothing of it before `initialize`)
    from server.assembly.mcp_servers.server_settings import build_pool  # noqa: PLC0415 (as the next)

    register_secrets(roots)
    settings, wrong = layers.resolve(editor=options, roots=roots)
    problems = [str(problem) for problem in wrong]
    kept = old is not None and old.settings.index == settings.index
    index = old.index if old is not None and kept else _build_index(roots, settings, problems, foreground=foreground)
    # a model that could not be built is tried again, so that its problem is reported again
    same_model = old is not None and old.model is not None and old.settings.model == settings.model
    if old is not None and same_model:
        model, quick = old.model, old.quick
    else:
        model = _build_model(settings, problems)
        quick = _build_quick_model(settings, model)
    trees = old.trees if old is not None else SyntaxTrees()
    if old is not None and kept:
        generator = old.generator
        generator.set_policy(policies.build_completion_policy(settings))
        if model is not old.model:
            generator.set_model(model, quick)
    else:
        generator = _build_generator(index, model, quick, settings, trees)
    same_chats = old is not None and old.settings.chat == settings.chat
    chats, costs = (old.chats, old.costs) if old is not None and same_chats else _build_chats(settings)
    problems += chats.problems
    reviewer = _build_reviewer(index, settings, old, _build_examiners(index, model, chats, settings))
    is_completion_excluded = policies.make_completion_exclusion(roots, settings)
    servers = build_pool(settings.mcp, next(iter(roots), None), old.servers if old is not None else None)
    return Core(
        settings, index, generator, model, is_completion_excluded, tuple(problems), reviewer, chats, costs, quick,
        trees, servers, _build_next_editor(settings, trees, old),
    )  # fmt: skip


def derive(base: Core, root: Path) -> Core:
    """Return a core for the folder `root` with the settings and models of `base`, but with an index of its own.

    For a worktree of a workspace: the settings of the workspace hold there, too. Does not complete code. Its parts are
    closed by `close_unshared(base)`.
    """
    settings = base.settings
    index = _build_index([root], settings, [], foreground=False)
    reviewer = _build_reviewer(index, settings, None, ())
    return replace(base, index=index, reviewer=reviewer, problems=(), trees=SyntaxTrees(), next_editor=None)


def _build_next_editor(settings: Settings, trees: SyntaxTrees, old: Core | None) -> NextEditor:
    """Return the finder of next edits for the settings: that of `old`, updated, or a new one."""
    from agents.next_edit.next_editor import NextEditor  # noqa: PLC0415

    policy = policies.build_next_edit_policy(settings)
    if old is not None and old.next_editor is not None:
        old.next_editor.set_policy(policy)
        return old.next_editor
    return NextEditor(trees, policy)


def _build_reviewer(index: Index, settings: Settings, old: Core | None, examiners: Sequence[Examiner]) -> Reviewer:
    """Return a reviewer for the settings: that of `old`, updated, if the index is the same; else a new one."""
    from agents.reviewer.reviewer import Reviewer  # noqa: PLC0415

    policy = policies.build_review_policy(settings)
    if old is not None and old.reviewer is not None and index is old.index:
        old.reviewer.policy, old.reviewer.examiners = policy, tuple(examiners)
        return old.reviewer
    return Reviewer(
        policy,
        examiners=examiners,
        withheld=index.find_withholding_reason,
        roots=lambda: index.roots,
        open_names=partial(index.open_names, libraries=True),
    )


def _build_examiners(index: Index, model: LazyModel | None, chats: Chats, settings: Settings) -> tuple[Examiner, ...]:
    """Return the layers of the review that ask a model: one for each of `model` and `chats.review` that is there."""
    from agents.reviewer.likelihood.examiner import LikelihoodExaminer  # noqa: PLC0415

    made: list[Examiner] = []
    if model is not None:
        made.append(LikelihoodExaminer(model, always=settings.review.likelihood == "always"))
    if chats.review is not None:
        from agents.reviewer.chat_review.model_examiner import ModelExaminer  # noqa: PLC0415 (for a person with an endpoint alone)

        made.append(ModelExaminer(chats.review, index, small=chats.small_reviewer))
    return tuple(made)


def _build_index(roots: Sequence[Path], settings: Settings, problems: list[str], *, foreground: bool) -> Index:
    """Return an index that was not started; add to `problems` if its folder cannot be written to."""
    from indexing.index import Index  # noqa: PLC0415
    from server.state import paths  # noqa: PLC0415

    storage = paths.ensure_writable(paths.index_dir())
    if storage.problem:
        problems.append(storage.problem)
    limits = policies.build_index_limits(settings)
    if foreground:
        limits = replace(limits, nice=0)
    embedder = _build_embedder(settings.index.embedder, problems)
    store = None
    if embedder is not None and settings.state.database:
        from server.assembly.databases.choice import open_state  # noqa: PLC0415 (with a shared database alone)
        from server.state.databases.shared_vectors import SharedVectors  # noqa: PLC0415 (as above)

        store = SharedVectors(open_state)
    return Index(roots, storage=storage.path or paths.index_dir(), limits=limits, embedder=embedder, store=store)


def _build_embedder(name: str, problems: list[str]) -> LazyEmbedder | None:
    """Return the embedding model `name` ("auto" for the smallest one), which loads at its first use.

    Returns None for "", and if it is not installed, which is added to `problems` unless `name` is "auto".
    """
    if not name:
        return None
    from models.catalog.catalog import Catalog  # noqa: PLC0415
    from models.local.lazy_embedder import choose_embedder  # noqa: PLC0415
    from server.state import paths  # noqa: PLC0415

    found = choose_embedder(Catalog.load(paths.models_dir()).entries.values(), name)
    if found is None and name != "auto":
        problems.append(
            f"There is no embedding model called {name}; set `index.embedder` to one that `starling models list` "
            'shows, or to "".'
        )
    return found


def _build_model(settings: Settings, problems: list[str]) -> LazyModel | None:
    """Return the completion model of the settings, which loads at its first use.

    Returns None if the settings turn it off, or if there is no such model. Adds to `problems` that there is none, and
    the problems of the catalog.
    """
    if not settings.model.enabled:
        return None
    from models.catalog.catalog import DEFAULT_MODEL, Catalog  # noqa: PLC0415
    from models.local.lazy_model import LazyModel  # noqa: PLC0415
    from server.assembly import hosts  # noqa: PLC0415
    from server.state import paths  # noqa: PLC0415

    catalog = Catalog.load(paths.models_dir())
    problems += catalog.problems
    name = settings.model.name or DEFAULT_MODEL
    entry = catalog.get(name)
    if hosts.uses_remote_server(settings.model):
        return LazyModel(*hosts.make_remote_loader(settings.model, catalog))
    if entry is None:
        known = ", ".join(sorted(catalog.entries)) or "none"
        problems.append(f"There is no model called {name}; set `model.name` to one of: {known}.")
        return None
    through = hosts.make_host_loader if hosts.uses_model_host(settings.model, entry) else hosts.make_local_loader
    return LazyModel(entry, through(settings.model, entry), load_time=hosts.open_load_time(settings.model, entry))


def _build_quick_model(settings: Settings, model: LazyModel | None) -> LazyModel | None:
    """Return the bundled model, for this process, if the chosen `model` is large; else None."""
    if model is None or not model.entry.large:
        return None
    from models.catalog.catalog import DEFAULT_MODEL, Catalog  # noqa: PLC0415
    from models.local.lazy_model import LazyModel  # noqa: PLC0415
    from server.assembly import hosts  # noqa: PLC0415

    entry = Catalog.load(None).get(DEFAULT_MODEL)
    return None if entry is None else LazyModel(entry, hosts.make_local_loader(settings.model, entry))


def _build_chats(settings: Settings) -> tuple[Chats, Costs | None]:
    """Return the chat models and the record of their costs, None if no chat model is configured."""
    if not settings.chat.endpoints and not settings.chat.review:
        return Chats(), None
    from server.assembly.databases.choice import open_state  # noqa: PLC0415 (SQLite)
    from server.state import paths  # noqa: PLC0415
    from server.state.cost_ledger import Costs  # noqa: PLC0415 (SQLite, for a person with a chat model)

    costs = Costs(open_state())
    return chat_models.build_chats(settings.chat, paths.ensure_writable(paths.cache_dir()).path, costs), costs


def _build_generator(
    index: Index, model: LazyModel | None, quick: LazyModel | None, settings: Settings, trees: SyntaxTrees
) -> Generator:
    """Return a generator of completions for the settings."""
    from agents.completion.generator import Generator  # noqa: PLC0415

    return Generator(index, model, quick=quick, policy=policies.build_completion_policy(settings), trees=trees)
