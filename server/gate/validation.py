"""The second half of validation, after `locating`: checks a proposal against the current texts.

Runs before a person is asked, and again before the change is made. Moves edits with their lines and adapts their line
endings; refuses a proposal that does not fit; collects warnings for the question. Changes no file. Start at
`Validation.check`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from agents.edits import CreateFile, DeleteFile, RenameFile, TextChange, apply_edits
from server.gate import line_endings, rebasing, syntax_check
from server.gate.disk import contents
from server.gate.question import wording
from server.gate.refusal import Refused, Unchanged

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from agents.edits import Change, Edit, ProposedEdit
    from server.gate.disk.contents import Content
    from server.gate.locating import LocatedChange
    from server.gate.ports import Workplace

BYTE_ORDER_MARK = "\ufeff"


@dataclass(frozen=True, slots=True)
class CheckedProposal:
    """A valid proposal, which a person may be asked about.

    Attributes:
        proposal: the proposal with its edits moved to the current texts, without changes that change nothing.
        names: for each change the file's name for a person.
        before: for each change the current content (the editor's text in the file's encoding); None for a new file.
        warnings: facts that a person has to know before answering, a sentence each.
        rebased: whether any edits had to be moved.
    """

    proposal: ProposedEdit
    names: tuple[str, ...]
    before: tuple[Content | None, ...]
    warnings: tuple[str, ...] = ()
    rebased: bool = False


@dataclass(frozen=True, slots=True)
class CurrentText:
    """The current text of a document.

    Attributes:
        text: the text; None if neither an open document nor a file exists, or if it cannot be read.
        problem: why the text cannot be read, "" if it can.
    """

    text: str | None
    problem: str = ""


class Validation:
    """The rules for one proposal at one moment.

    Args:
        current: the current texts by URI.
        exact: whether the result has to be exactly the proposed text, as for an undo: line endings are not adapted, and
            syntax is not checked.
        adapts: whether edits get the line endings of the text; not if they have those of the file's lines already.
    """

    def __init__(self, current: Mapping[str, CurrentText], *, exact: bool = False, adapts: bool = True) -> None:
        self._current = current
        self._exact = exact
        self._adapts = adapts and not exact
        self._warnings: list[str] = []
        self._rebased = False

    def check(self, proposal: ProposedEdit, places: Sequence[LocatedChange]) -> CheckedProposal:
        """Return `proposal` with its edits moved to the current texts, without changes that change nothing; blocking.

        `places` are its changes with their files.

        Raises:
            Unchanged: the files already hold what is proposed.
            Refused: the proposal breaks a rule, does not fit the current texts, or is automatic and has warnings.
        """
        checked = ((place.name, *self._check_change(place)) for place in places)
        kept = [one for one in checked if not _changes_nothing(one[1])]
        if not kept:
            raise Unchanged("The proposal changes nothing: the files already hold what it proposes.")
        if self._warnings and proposal.automatic:
            raise Refused(f"{' '.join(self._warnings)} Nobody chose exactly this change, so it is not proposed.")
        names, changes, before = zip(*kept, strict=True)
        return CheckedProposal(replace(proposal, changes=changes), names, before, tuple(self._warnings), self._rebased)

    def _check_change(self, place: LocatedChange) -> tuple[Change, Content | None]:
        """Return the change of `place` with its edits moved, and the current content of its file; None for a new file.

        Raises:
            Refused: the change breaks a rule, or does not fit the current text.
        """
        match place.change:
            case TextChange() as change:
                return self._check_text_change(place, change)
            case CreateFile() as change:
                return self._check_new_file(place, change), None
            case DeleteFile() as change:
                _check_writable(place)
                content = self._read_restorable(place)
                if content.text != change.before:
                    raise Refused(f"{place.name} has changed since its deletion was proposed; look at it once more.")
                return change, content
            case RenameFile() as change:
                return change, self._read_restorable(place)

    def _check_text_change(self, place: LocatedChange, change: TextChange) -> tuple[TextChange, Content]:
        """Return `change` re-based to the current text, and the content of its file.

        Raises:
            Refused: the file is gone or write-protected, or the change does not fit.
        """
        current = self._find_text(place)
        if current is None:
            raise Refused(f"{place.name} no longer exists.")
        _check_writable(place)
        content = _build_content(place, current)
        edits = self._rebase_edits(place, change, current)
        rebased = replace(change, before=current, edits=edits)
        if rebased.after != current:
            self._check_result(place, rebased.after, change.encoding or content.encoding, current)
            self._check_syntax(place, current, rebased.after)
        return rebased, content

    def _rebase_edits(self, place: LocatedChange, change: TextChange, current: str) -> tuple[Edit, ...]:
        """Return the edits of `change` as edits to `current`, with its line endings; () if they are made already.

        Raises:
            Refused: the edits do not fit, or their place in `current` has changed.
        """
        try:
            wanted = apply_edits(change.before, change.edits)
        except ValueError as error:
            raise Refused(f"The edits of {place.name} do not fit its text: {error}.") from None
        if current == wanted:
            return ()
        edits: tuple[Edit, ...] | None = change.edits
        if current != change.before:
            edits = rebasing.rebase(change.before, change.edits, current)
            self._rebased = True
        if edits is None:
            raise Refused(f"{place.name} has changed since this was proposed, in the same place; propose it again.")
        return line_endings.adapt_edits(current, edits) if self._adapts else edits

    def _check_new_file(self, place: LocatedChange, change: CreateFile) -> CreateFile:
        """Return `change` unchanged; raise `Refused` if a document of that name is open or the text is not allowed."""
        if self._find_text(place) is not None:
            raise Refused(f"{place.name} is open already, though not saved; propose a change of it.")
        self._check_result(place, change.text, change.encoding, None)
        self._check_syntax(place, "", change.text)
        return change

    def _read_restorable(self, place: LocatedChange) -> Content:
        """Return the content of a file that is to be deleted or moved.

        Raises:
            Refused: an undo could not restore it exactly, or it is open with unsaved changes.
        """
        current = self._find_text(place)
        assert place.real is not None  # noqa: S101 (only text changes have no file)
        try:
            content = contents.read_with_attributes(place.real)
        except OSError as error:
            raise Refused(
                f"{place.name} is left as it is, because undoing could not restore it: it is {error.strerror}."
            ) from None
        if content is None or current is None:
            raise Refused(f"{place.name} no longer exists.")
        if current != content.text:
            raise Refused(f"{place.name} has unsaved changes; save it first, then propose it again.")
        return content

    def _find_text(self, place: LocatedChange) -> str | None:
        """Return the current text of the document of `place`, None if there is none; raise `Refused` if unreadable."""
        current = self._current[place.uri]
        if current.problem:
            raise Refused(f"{place.name} cannot be changed: it is {current.problem}.")
        return current.text

    def _check_result(self, place: LocatedChange, after: str, encoding: str, before: str | None) -> None:
        """Raise `Refused` if the text `after` must not be written to a file in `encoding`.

        The reasons are its characters, its encoding, its size and mixed line endings. `before` is None for a new file.
        """
        marked = after.startswith(BYTE_ORDER_MARK) and not (before or "").startswith(BYTE_ORDER_MARK)
        if "\0" in after or (marked and not self._exact):
            raise Refused(f"{place.name} would hold a NUL or a byte order mark, which Starling does not write.")
        if encoding not in contents.NAMES:
            raise Refused(f"{place.name} would be in {encoding!r}, an encoding that Starling does not write.")
        try:
            data = contents.encode(after, encoding)
        except UnicodeEncodeError as error:
            known, odd = contents.NAMES[encoding], after[error.start]
            raise Refused(f"{place.name} is in {known}, which cannot hold {odd!r}; convert it first.") from None
        if len(data) >= contents.LARGEST:
            most = f"{contents.LARGEST:,}"
            raise Refused(f"{place.name} would have {len(data):,} bytes; Starling changes only files below {most}.")
        if not contents.decodes_to(data, after):
            known = contents.NAMES[encoding]
            raise Refused(f"{place.name} would no longer be recognised as {known}; convert it to UTF-8 first.")
        if not self._exact and before is not None and _mixes_endings(before, after):
            raise Refused(f"{place.name} would get a second kind of line ending; propose whole lines.")

    def _check_syntax(self, place: LocatedChange, before: str, after: str) -> None:
        """Add a warning if `after` has more syntax errors than `before`; does not check an undo."""
        if self._exact:
            return
        if (line := syntax_check.find_broken_line(place.uri, place.real, before, after)) is not None:
            self._warnings.append(wording.make_syntax_warning(place.name, line))


async def read_current_texts(workplace: Workplace, places: Sequence[LocatedChange]) -> dict[str, CurrentText]:
    """Return the current text of each document in `places`, by URI; a document that cannot be read has a `problem`."""
    texts: dict[str, CurrentText] = {}
    for one in places:
        try:
            texts[one.uri] = CurrentText(await workplace.read_text(one.uri, getattr(one.change, "path", None)))
        except OSError as error:
            texts[one.uri] = CurrentText(None, error.strerror or str(error))
    return texts


def _mixes_endings(before: str, after: str) -> bool:
    """Return whether all line endings of `before` are the same, and those of `after` are not."""
    return line_endings.are_uniform(before) and not line_endings.are_uniform(after)


def _check_writable(place: LocatedChange) -> None:
    """Raise `Refused` if the file of `place` is write-protected."""
    if place.real is not None and contents.is_protected(place.real):
        raise Refused(f"{place.name} is write-protected; make it writable first, then propose it again.")


def _build_content(place: LocatedChange, current: str) -> Content:
    """Return `current` as the content of the file of `place`, in its encoding, or in UTF-8 if that lacks a character.

    Raises:
        Refused: UTF-8 cannot encode the text either.
    """
    try:
        on_disk = contents.read(place.real) if place.real is not None else None
    except OSError:
        on_disk = None  # the document is open, and the editor knows its encoding
    in_utf8 = contents.Content(current)
    for content in (in_utf8 if on_disk is None else replace(on_disk, text=current), in_utf8):
        if contents.can_encode(content.encoding, current):
            return content
    raise Refused(f"{place.name} holds halves of surrogate pairs, which no file can hold; remove them first.")


def _changes_nothing(change: Change) -> bool:
    """Return whether `change` leaves its text or path as it is."""
    return (isinstance(change, TextChange) and change.before == change.after) or (
        isinstance(change, RenameFile) and change.path == change.to
    )
