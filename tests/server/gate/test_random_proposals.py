"""Ten thousand random proposals: none writes outside the workspace or without a yes; undoing restores every byte."""

# ruff: noqa: ARG002 (doubles take what the real ones take)

from __future__ import annotations

import asyncio
import os
import random
import shutil
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from agents.edits import CreateFile, DeleteFile, Edit, ProposedEdit, RenameFile, TextChange
from server.gate.disk import contents
from server.gate.policy import Limits
from server.gate.ports import Answer, Outcome, Verdict
from tests.server.gate.bench import Bench

if TYPE_CHECKING:
    from collections.abc import Callable

    from agents.edits import Change
    from server.gate.ports import Question

PROPOSALS, SHARES = 10_000, 4
AFRESH = 400  # proposals to one record and workspace

FILES = {
    "a.py": b"import os\n\n\ndef f(x):\n    return os.path.join(x, 'y')\n\n\nprint(f('z'))\n",
    "crlf.py": b"a = 1\r\nb = 2\r\nc = 3\r\n",
    "mixed.txt": b"one\r\ntwo\nthree\rfour",
    "mark.py": b"\xef\xbb\xbfx = 1\n",
    "latin.txt": b"caf\xe9 \xe0 la cr\xe8me\n",
    "wide.txt": "\ufeffwide \U0001f600\n".encode("utf-16-le"),
    "binary.dat": b"\x00\x01\x02",
    "damaged.txt": b"plain text\n" * 200 + b"\xff\n",
    "empty.py": b"",
    "src/deep/b.py": b"x = [\n    1,\n]\n",
    "src/C.py": b"y = 2\n",
    ".hidden.py": b"h = 1\n",
    ".git/config": b"[core]\n",
    "secrets.json": b"{}\n",
    "node_modules/m/index.js": b"1\n",
    "ignored.py": b"i = 1\n",
    ".gitignore": b"ignored.py\n",
}
LEFT_ALONE = (".hidden.py", ".git/config", "secrets.json", "node_modules/m/index.js", "ignored.py", ".gitignore")
GOOD = [name for name in FILES if name not in {*LEFT_ALONE, "binary.dat", "damaged.txt"}]
NEW = ["new.py", "src/new.txt", "deeper/still/new.py"]
LINKS = {
    "out": "../outside", "out.py": "../outside/target.py", "in.py": "a.py", "dangling.py": "nowhere.py",
    "loop": "loop", "up": "..", "src/hid.py": "../.hidden.py", "inner": "src",
}  # fmt: skip
PARTS = [
    *("new.py", "New.PY", "src", "deep", "..", ".", "inner", "out", "up", "loop", "target.py", "b.py", "c.py"),
    *(
        "con",
        "a\nb",
        "nul\0",
        "x" * 300,
        "\udc80.py",
        "\u00e9.py",
        "e\u0301.py",
        ".env",
        "workspace",
        "outside",
        "~",
        "*",
    ),
]
PIECES = [
    "x",
    "y = 2\n",
    "\n",
    "\r\n",
    "\r",
    "(",
    "\u00e9",
    "\u2192",
    "\U0001f600",
    "z" * 2000,
    "\ud800",
    "\0",
    "\ufeff",
]
WEIGHTS = [9, 9, 9, 5, 2, 2, 2, 1, 1, 1, 0.2, 0.2, 0.2]


@dataclass(frozen=True)
class Draft:
    """A change before it is known what the files hold."""

    kind: str
    base: str
    name: str
    other: str
    text: str
    edits: tuple[tuple[int, int, str], ...]
    stale: str


@dataclass(frozen=True)
class Event:
    """One proposal and what happens to it."""

    drafts: tuple[Draft, ...]
    automatic: bool
    answer: Answer
    keep: int  # how many of the changes the client makes
    meddle: str  # what is appended to the first file while the person thinks


def choose_name(dice: Random, plain: list[str]) -> str:
    chance = dice.random()
    if chance < 0.6:
        return dice.choice(plain)
    if chance < 0.8:
        return dice.choice([*FILES, *LINKS])
    return "/".join(dice.choices([*PARTS, *FILES, *LINKS], k=dice.randint(1, 3)))


def make_draft(dice: Random) -> Draft:
    def text() -> str:
        return "".join(dice.choices(PIECES, weights=WEIGHTS, k=dice.randint(0, 3)))

    kind = dice.choices(["text", "create", "rename", "delete"], weights=[5, 3, 2, 2])[0]
    base = dice.choices(["root", "outside", "relative", "slash"], weights=[20, 1, 1, 1])[0]
    edits = sorted((dice.randint(0, 60), dice.randint(0, 9), text()) for _ in range(dice.randint(1, 3)))
    stale = dice.choices(["", "before\n", "behind"], weights=[8, 1, 1])[0]
    return Draft(
        kind,
        base,
        choose_name(dice, NEW if kind == "create" else GOOD),
        choose_name(dice, NEW),
        text(),
        tuple(edits),
        stale,
    )


def make_event(seed: int) -> Event:
    """Return a random proposal for `seed`, with the reactions of the person and the client."""
    dice = Random(seed)  # noqa: S311 (no secret)
    return Event(
        tuple(make_draft(dice) for _ in range(dice.choice([1, 1, 1, 2, 3]))),
        automatic=dice.random() < 0.2,
        answer=dice.choice([*(one for one in Answer if one is not Answer.APPROVE_RULE), *[Answer.APPROVE] * 5]),
        keep=dice.choice([0, 1, 9, 9, 9, 9]),
        meddle="# more\n" if dice.random() < 0.1 else "",
    )


class Person:
    """Answers what the event says, and meddles while thinking."""

    def __init__(self, meddled: Path) -> None:
        self.event: Event | None = None
        self.asked = 0
        self._meddled = meddled

    async def ask(self, question: Question) -> Answer:
        self.asked += 1
        assert self.event is not None
        if self.event.meddle:
            self._meddled.write_bytes(self._meddled.read_bytes() + self.event.meddle.encode())
        return self.event.answer

    def asks_while_applying(self, question: Question) -> bool:
        return False

    def find_obstacle(self, question: Question) -> str:
        return ""


def build_change(draft: Draft, root: Path) -> Change:
    base = {"root": root, "outside": root.parent / "outside", "relative": Path(), "slash": Path("/nowhere")}[draft.base]
    path, other = base / draft.name, root / draft.other
    if draft.kind == "create":
        return CreateFile(path, draft.text)
    if draft.kind == "rename":
        return RenameFile(path, other)
    try:
        content = contents.read(path)
    except (OSError, ValueError):
        content = None
    before = content.text if content is not None else "nothing"
    if draft.kind == "delete":
        return DeleteFile(path, before + draft.stale)
    before = {"": before, "before\n": draft.stale + before}.get(draft.stale, before + draft.stale)
    edits, reached = [], 0
    for start, length, text in sorted(draft.edits):
        if reached <= start <= len(before):
            reached = min(len(before), start + length)
            edits.append(Edit(start, reached, text))
    uri = path.as_uri() if path.is_absolute() and "\0" not in str(path) else str(path)
    return TextChange(uri, path, before, tuple(edits))


def read_tree(folder: str) -> dict[str, bytes]:
    """Return the bytes of all files and the targets of all links below `folder`, by path."""
    found: dict[str, bytes] = {}
    for one in os.scandir(folder):
        if one.is_symlink():
            found[one.path] = os.fsencode(os.readlink(one.path))  # noqa: PTH115 (ten thousand times)
        elif one.is_dir():
            found |= read_tree(one.path)
        else:
            with open(one.path, "rb") as file:  # noqa: PTH123
                found[one.path] = file.read()
    return found


class Workspace:
    """A workspace full of traps, and what stands outside of it."""

    def __init__(self, base: Path) -> None:
        base.mkdir()
        limits = Limits(file_operations=1_000_000, approvals=1_000_000)
        self.bench = Bench(base, asker=Person(base / "workspace" / "a.py"), limits=limits)
        self.root = self.bench.root
        self.outside = base / "outside"
        self.outside.mkdir()
        (self.outside / "target.py").write_bytes(b"outside = 1\n")
        self.fill()
        self.sealed = read_tree(str(self.outside))
        self.full = read_tree(str(self.root))

    def fill(self) -> None:
        for name, data in FILES.items():
            self.bench.put(name, data)
        for name, to in LINKS.items():
            (self.root / name).symlink_to(to)

    async def check(self, event: Event) -> Verdict:
        """Make the proposal of `event`, check its effects, restore the workspace, and return the verdict."""
        gate, person = self.bench.gate, self.bench.asker
        changes = tuple(build_change(draft, self.root) for draft in event.drafts)
        asked, person.event = person.asked, event
        honest, gate._workplace = gate._workplace, Partly(gate._workplace, event.keep)
        outcome = await gate.propose(ProposedEdit("Do it", "Because.", "generator", changes, automatic=event.automatic))
        gate._workplace = honest
        now = read_tree(str(self.root))
        self.check_untouched(now)
        assert person.asked - asked <= 1
        if event.meddle and person.asked > asked:
            self.check_and_reset(now, outcome)
        elif outcome.verdict in {Verdict.APPLIED, Verdict.PARTLY}:
            assert event.answer in {Answer.APPROVE, Answer.APPROVE_TASK}
            assert (now != self.full, person.asked - asked, bool(outcome.checkpoint)) == (True, 1, True)
            await self.check_undoing(outcome.checkpoint)
        else:
            assert now == self.full, outcome
        return outcome.verdict

    async def check_undoing(self, checkpoint: str) -> None:
        self.bench.asker.event = Event((), automatic=False, answer=Answer.APPROVE, keep=9, meddle="")
        undone = await self.bench.gate.undo(checkpoint)
        assert undone.verdict is Verdict.APPLIED, undone.reason
        assert read_tree(str(self.root)) == self.full

    def check_and_reset(self, now: dict[str, bytes], outcome: Outcome) -> None:
        """Check that an edit made during the question is still there if the proposal failed; reset the workspace."""
        if not outcome.checkpoint:
            meddled = str(self.root / "a.py")
            assert now == {**self.full, meddled: self.full[meddled] + b"# more\n"}
        shutil.rmtree(self.root)
        self.fill()
        assert read_tree(str(self.root)) == self.full

    def check_untouched(self, now: dict[str, bytes]) -> None:
        assert read_tree(str(self.outside)) == self.sealed
        for name in LEFT_ALONE:
            path = str(self.root / name)
            assert now[path] == self.full[path]


class Partly:
    """Makes the first changes only, and says that all is well."""

    settle_s = 0.0

    def __init__(self, disk: object, keep: int) -> None:
        self._disk, self._keep = disk, keep

    async def read_text(self, uri: str, path: Path | None) -> str | None:
        return await self._disk.read_text(uri, path)  # type: ignore[attr-defined, no-any-return]

    async def apply(self, proposal: ProposedEdit, *, confirm: bool, request: str = "") -> str:
        kept = ProposedEdit(proposal.title, proposal.why, proposal.by, proposal.changes[: self._keep])
        await self._disk.apply(kept, confirm=confirm)  # type: ignore[attr-defined]
        return ""


class Course:
    """Workspaces one after the other, each for a few hundred proposals."""

    def __init__(self, loop: asyncio.AbstractEventLoop, base: Path, ending: ExitStack) -> None:
        self._loop = loop
        self._ending = ending
        self._base = base
        self._workspaces = count()
        self._workspace: Workspace | None = None
        self.seen: list[Verdict] = []

    def take(self, event: Event) -> None:
        if self._workspace is None or len(self.seen) % AFRESH == 0:
            self._workspace = Workspace(self._base / str(next(self._workspaces)))
            self._ending.callback(self._workspace.bench.state.close)
        self.seen.append(self._loop.run_until_complete(self._workspace.check(event)))


async def call_directly(call: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    """Call `call` directly, in place of `asyncio.to_thread`, which would take most of the time here."""
    return call(*arguments, **named)


@pytest.mark.timeout(1800)  # a minute of work, five and more beside others
@pytest.mark.parametrize("share", range(SHARES))  # which are tried on several processors
def test_none_writes_outside_or_without_a_yes_and_undoing_restores_every_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, share: int
) -> None:
    monkeypatch.setattr(asyncio, "to_thread", call_directly)
    with asyncio.Runner() as runner, ExitStack() as ending:
        course = Course(runner.get_loop(), tmp_path, ending)

        for _ in range(PROPOSALS // SHARES):
            seed = random.getrandbits(62)  # pytest-randomly says how to get the same again
            try:
                course.take(make_event(seed * SHARES + share))
            except BaseException as error:
                error.add_note(f"That was make_event({seed * SHARES + share}).")
                raise
    assert len(course.seen) >= PROPOSALS // SHARES
    made = sum(one in {Verdict.APPLIED, Verdict.PARTLY} for one in course.seen)
    assert made > PROPOSALS // SHARES / 20, "what is always refused would prove nothing"
