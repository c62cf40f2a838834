"""A workspace on the disk, with a gate, a real state database and a scripted person, for tests. Start at `Bench`."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from agents.edits import CreateFile, DeleteFile, Edit, ProposedEdit, RenameFile, TextChange
from indexing.limits import IndexLimits
from server.gate.disk import contents
from server.gate.disk.disk import DiskWorkplace
from server.gate.gate import Gate
from server.gate.journal import HERE
from server.gate.places import Places, make_exclusion
from server.gate.policy import Limits
from server.gate.ports import Answer
from server.gate.question.scripted_person import ScriptedAsker
from server.state.gate_records import GateRecords
from tests import marked
from tests.states import make_state

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from agents.edits import Change
    from server.gate.records import Author
    from server.state.database import State

YES = (Answer.APPROVE,) * 100
ANSWER_S = 60.0  # for answers that come; a slow machine is no reason to expire


@dataclass
class Bench:
    """A workspace in the folder `base`, with a gate that is built at the first use of `gate`.

    Attributes may be replaced before that.
    """

    base: Path
    asker: Any = field(default_factory=lambda: ScriptedAsker(YES))
    workplace: Any = None
    limits: Limits = field(default_factory=lambda: Limits(answer_s=ANSWER_S))
    state: State = field(default_factory=lambda: make_state(None))
    author: Author = HERE

    @cached_property
    def root(self) -> Path:
        """The workspace folder, which is created at its first use."""
        root = self.base / "workspace"
        root.mkdir(exist_ok=True)
        return root

    @cached_property
    def gate(self) -> Gate:
        """The gate, with the asker, workplace, limits and state that are set at its first use."""
        self.workplace = self.workplace or DiskWorkplace(lambda: [self.root])
        excluded = make_exclusion([self.root], IndexLimits())
        places = lambda: Places([self.root], excluded)  # noqa: E731
        return Gate(
            GateRecords(self.state),
            places,
            self.asker,
            self.workplace,
            client="a test",
            author=self.author,
            limits=self.limits,
        )

    def set_answers(self, *answers: Answer) -> None:
        """Let the person answer the next questions with `answers`, and reject all later ones."""
        self.asker._answers = list(answers)

    async def wait_for_question(self) -> None:
        """Wait until the person was asked at least one question."""
        async with asyncio.timeout(20):
            while not self.asker.questions:  # noqa: ASYNC110 (an asker tells nobody)
                await asyncio.sleep(0.001)

    def write(self, fixture: str) -> Path:
        """Write the files of `fixture` into the workspace; a line `#- NAME` begins a file."""
        return marked.parse(fixture).write(self.root)

    def put(self, name: str, data: bytes) -> Path:
        """Write `data` to the file `name` of the workspace and return its path."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    def read_all(self) -> dict[str, bytes]:
        """Return the bytes of all files below `base`, by relative path."""
        found = (path for path in self.base.rglob("*") if path.is_file())
        return {path.relative_to(self.base).as_posix(): path.read_bytes() for path in found}

    def read(self, name: str) -> bytes:
        """Return the bytes of the file `name` of the workspace."""
        return (self.root / name).read_bytes()

    def change(self, name: str, old: str, new: str) -> TextChange:
        """Return a change that replaces the first `old` in the file `name` by `new`."""
        path = self.root / name
        content = contents.read(path)
        assert content is not None
        at = content.text.index(old)
        return TextChange(path.as_uri(), path, content.text, (Edit(at, at + len(old), new),))

    def create(self, name: str, text: str = "") -> CreateFile:
        """Return a change that creates the file `name`."""
        return CreateFile(self.root / name, text)

    def rename(self, name: str, to: str) -> RenameFile:
        """Return a change that moves the file `name` to `to`."""
        return RenameFile(self.root / name, self.root / to)

    def delete(self, name: str) -> DeleteFile:
        """Return a change that deletes the file `name`."""
        content = contents.read(self.root / name)
        assert content is not None
        return DeleteFile(self.root / name, content.text)


def make_proposal(
    *changes: Change, title: str = "Do it", automatic: bool = False, by: str = "generator"
) -> ProposedEdit:
    """Return a proposal of `changes`."""
    return ProposedEdit(title, "Because.", by, changes, automatic=automatic)


async def query_rows(gate: Gate, query: str, arguments: Iterable[object] = ()) -> list[tuple[Any, ...]]:
    """Return the rows of the SQL `query` to the state database of `gate`."""

    def read() -> list[tuple[Any, ...]]:
        with cast("GateRecords", gate.journal.records)._state.use_connection() as connection:
            return connection.execute(query, tuple(arguments)).fetchall()

    return await asyncio.to_thread(read)
