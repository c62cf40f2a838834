"""A person who edits open documents and takes each next edit that is proposed."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from agents.next_edit.history import EditHistory
from agents.next_edit.next_editor import NextEditor
from agents.next_edit.next_edits import NextEditPolicy
from indexing.syntax.documents import Document
from indexing.syntax.trees import SyntaxTrees

if TYPE_CHECKING:
    from agents.findings import Finding
    from agents.next_edit.next_edits import NextEdit

MOST = 50


@dataclass
class Person:
    """Has texts open by name, and edits them; the language follows from the name's end."""

    texts: dict[str, str]
    language: str = "python"
    policy: NextEditPolicy = field(default_factory=NextEditPolicy)
    now: float = 1000.0
    findings: tuple[Finding, ...] = ()

    def __post_init__(self) -> None:
        self.history = EditHistory(clock=lambda: self.now)
        self.editor = NextEditor(SyntaxTrees(), self.policy)
        self.name = next(iter(self.texts))
        self.offset = 0
        self._version = 1

    def change(self, old: str, new: str, name: str | None = None) -> None:
        """Replace the only `old` in a text by `new`; the cursor is after it then."""
        self.name = self.name if name is None else name
        text = self.texts[self.name]
        assert text.count(old) == 1, f"{old!r} is there {text.count(old)} times"
        start = text.index(old)
        self._replace(start, start + len(old), new)

    def propose(self) -> NextEdit | None:
        """Return the next edit at the cursor."""
        open_now = {name: self._make_document(name) for name in self.texts}
        return self.editor.propose(
            open_now[self.name],
            self.offset,
            edits=self.history.list_recent(self.policy.recent_s),
            undone=self.history.list_undone(),
            findings=self.findings,
            others=[document for name, document in open_now.items() if name != self.name],
        )

    def describe(self) -> str:
        """Return the next edit as "file:line: old → new", "" for none."""
        edit = self.propose()
        if edit is None:
            return ""
        one = edit.candidate
        text = self.texts[one.uri]
        line = text.count("\n", 0, one.start) + 1
        return f"{one.uri}:{line}: {text[one.start : one.end]} → {one.text}"

    def take(self) -> bool:
        """Take the next edit and return whether there was one."""
        edit = self.propose()
        if edit is None:
            return False
        one = edit.candidate
        self.name = one.uri
        self._replace(one.start, one.end, one.text)
        self.editor.record_outcome(edit.id, accepted=True)
        return True

    def take_all(self) -> int:
        """Take next edits until there is none, and return their number."""
        for count in range(MOST):
            if not self.take():
                return count
        raise AssertionError("next edits never end")

    def _replace(self, start: int, end: int, new: str) -> None:
        text = self.texts[self.name]
        self.texts[self.name] = text[:start] + new + text[end:]
        self.history.note_change(self.name, text, self.texts[self.name])
        self.offset = start + len(new)
        self._version += 1

    def _make_document(self, name: str) -> Document:
        return Document(name, Path("/w") / name, self.language, self.texts[name], self._version)


def carry_on(text: str, old: str, new: str, language: str = "python") -> str:
    """Return `text` after `old`, which is in it once, became `new` and all next edits were taken."""
    person = Person({"main": text}, language)
    person.change(old, new)
    person.take_all()
    return person.texts["main"]
