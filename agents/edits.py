"""Proposed edits and the changes that they consist of: agents make them, the gate decides about them and applies them.

Offsets are code points of the text that an edit was made for; spans are half-open. The records change nothing by
themselves. Start at `ProposedEdit`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from agents.ports.origins import NO_ORIGIN, Origin

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Edit:
    """One replacement: the code points [start, end) of the old text become `text`."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class TextChange:
    """Edits of an existing text.

    Attributes:
        uri: the document as the editor names it, or the file's URI when it is not open.
        path: the file; None for an untitled document.
        before: the whole text that the edits were made for; used to detect and to rebase onto later changes.
        edits: sorted by place, not overlapping.
        encoding: encoding to write the file in, by its name in `server.gate.disk.contents`; "" keeps the file's own.
    """

    uri: str
    path: Path | None
    before: str
    edits: tuple[Edit, ...]
    encoding: str = ""

    @property
    def after(self) -> str:
        """The text with the edits applied."""
        return apply_edits(self.before, self.edits)


@dataclass(frozen=True, slots=True)
class Attributes:
    """Metadata of a file, which is restored with it.

    Attributes:
        mode: the permission bits, setuid and setgid included.
        owner: numeric user id, -1 where the system has none.
        group: numeric group id, -1 where the system has none.
        extended: extended attributes, ACLs among them, by name.
    """

    mode: int
    owner: int = -1
    group: int = -1
    extended: tuple[tuple[str, bytes], ...] = ()


@dataclass(frozen=True, slots=True)
class CreateFile:
    """A new file; refused where the path exists already.

    Attributes:
        path: path of the new file.
        text: its whole text, without a byte order mark.
        encoding: name of an encoding in `server.gate.disk.contents`; not "utf-8" only where a deleted file is restored.
        executable: whether its owner may run it.
        attributes: metadata of a deleted file that is restored, None for a new file's defaults.
    """

    path: Path
    text: str
    encoding: str = "utf-8"
    executable: bool = False
    attributes: Attributes | None = None


@dataclass(frozen=True, slots=True)
class RenameFile:
    """A file that moves from `path` to `to`; refused where `to` exists already."""

    path: Path
    to: Path


@dataclass(frozen=True, slots=True)
class DeleteFile:
    """A file to delete; `before` is its text as the proposer last read it."""

    path: Path
    before: str


Change = TextChange | CreateFile | RenameFile | DeleteFile


@dataclass(frozen=True, slots=True)
class ProposedEdit:
    """A change that an agent suggests; only the gate applies it, after a person has approved it.

    Attributes:
        title: an imperative of a few words ("Add a docstring to `area`").
        why: one or two sentences for the person who decides.
        by: the agent that proposes it, in the person's words ("generator", "reviewer").
        changes: at most one change for each file.
        model: name of the model that wrote it, "" for none.
        automatic: whether nobody chose exactly this change; such a proposal is refused if it breaks the syntax, where
            others only get a warning.
        notes: facts for the decision ("3 tests passed"), one line each.
        origin: the session and call that it comes from.
    """

    title: str
    why: str
    by: str
    changes: tuple[Change, ...]
    model: str = ""
    automatic: bool = False
    notes: tuple[str, ...] = field(default=())
    origin: Origin = NO_ORIGIN


def apply_edits(text: str, edits: tuple[Edit, ...]) -> str:
    """Return `text` with `edits` applied, which must be sorted by place and must not overlap.

    Raises:
        ValueError: the edits overlap, are unsorted, or reach beyond the text.
    """
    parts: list[str] = []
    reached = 0
    for edit in edits:
        if not reached <= edit.start <= edit.end <= len(text):
            raise ValueError(f"edit [{edit.start}, {edit.end}) does not fit behind {reached} in {len(text)} characters")
        parts += text[reached : edit.start], edit.text
        reached = edit.end
    return "".join((*parts, text[reached:]))
