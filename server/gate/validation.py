"""What a proposal has to be before anyone is asked, and again before it is made. Start at `Validation.checked`.

The second half, after `locating`: brings what it can into order (edits move with their lines, line endings stay),
refuses what it cannot, and says what a person has to know. Changes nothing; blocking, for a worker thread.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from agents.edits import CreateFile, DeleteFile, RenameFile, TextChange, apply_edits
from server.gate import endings, rebasing, syntax_check
from server.gate.disk import contents
from server.gate.refusal import Refused, Unchanged

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from agents.edits import Change, Edit, ProposedEdit
    from server.gate.disk.contents import Content
    from server.gate.locating import Located

BYTE_ORDER_MARK = "\ufeff"


@dataclass(frozen=True, slots=True)
class Checked:
    """A proposal that may be asked about.

    Attributes:
        proposal: with edits to the texts as they stand now; changes that change nothing are left out.
        names: for each change what a person calls the file.
        before: for each change what the file is now (the editor's text in the file's encoding), None for a new one.
        warnings: what a person has to know, a sentence each.
        rebased: whether edits had to be moved.
    """

    proposal: ProposedEdit
    names: tuple[str, ...]
    before: tuple[Content | None, ...]
    warnings: tuple[str, ...] = ()
    rebased: bool = False


@dataclass(frozen=True, slots=True)
class Standing:
    """A text as it stands now, as the editor has it or the file does; or why it cannot be read."""

    text: str | None
    problem: str = ""


class Validation:
    """The rules for one proposal at one moment.

    Args:
        now: the texts as they stand, by URI.
        exact: the result is wanted exactly (an undo): neither line endings nor the last newline are mended.
    """

    def __init__(self, now: Mapping[str, Standing], *, exact: bool = False) -> None:
        self._now = now
        self._exact = exact
        self._warnings: list[str] = []
        self._rebased = False

    def checked(self, proposal: ProposedEdit, places: Sequence[Located]) -> Checked:
        """The proposal as it can be made now.

        Raises:
            Refused: it breaks a rule.
        """
        looked_at = ((place.name, *self._looked_at(place)) for place in places)
        kept = [one for one in looked_at if not _changes_nothing(one[1])]
        if not kept:
            raise Unchanged("It changes nothing: what it proposes is there already.")
        if self._warnings and proposal.automatic:
            raise Refused(f"{' '.join(self._warnings)} Nobody chose this change, so it is not proposed.")
        names, changes, before = zip(*kept, strict=True)
        return Checked(replace(proposal, changes=changes), names, before, tuple(self._warnings), self._rebased)

    def _looked_at(self, place: Located) -> tuple[Change, Content | None]:
        match place.change:
            case TextChange() as change:
                return self._text_change(place, change)
            case CreateFile() as change:
                return self._create(place, change), None
            case DeleteFile() as change:
                _check_writable(place)
                content = self._file(place)
                if content.text != change.before:
                    raise Refused(f"{place.name} has changed since its deletion was proposed; look at it once more.")
                return change, content
            case RenameFile() as change:
                return change, self._file(place)

    def _text_change(self, place: Located, change: TextChange) -> tuple[TextChange, Content]:
        now = self._standing(place)
        if now is None:
            raise Refused(f"{place.name} is not there any more.")
        _check_writable(place)
        content = _content(place, now)
        edits = self._edits_now(place, change, now)
        ours = replace(change, before=now, edits=edits)
        if ours.after != now:
            self._result(place, ours.after, change.encoding or content.encoding, now)
            self._syntax(place, now, ours.after)
        return ours, content

    def _edits_now(self, place: Located, change: TextChange, now: str) -> tuple[Edit, ...]:
        """The edits, to the text as it stands."""
        try:
            wanted = apply_edits(change.before, change.edits)
        except ValueError as error:
            raise Refused(f"The edits of {place.name} do not fit its text: {error}.") from None
        if now == wanted:
            return ()
        edits: tuple[Edit, ...] | None = change.edits
        if now != change.before:
            edits = rebasing.rebased(change.before, change.edits, now)
            self._rebased = True
        if edits is None:
            raise Refused(f"{place.name} has changed since this was proposed, in the same place; propose it again.")
        return edits if self._exact else endings.kept(now, edits)

    def _create(self, place: Located, change: CreateFile) -> CreateFile:
        if self._standing(place) is not None:
            raise Refused(f"{place.name} is open already, though not saved; propose a change of it.")
        self._result(place, change.text, change.encoding, None)
        self._syntax(place, "", change.text)
        return change

    def _file(self, place: Located) -> Content:
        """A file that may go or move; only what could be brought back exactly does."""
        now = self._standing(place)
        assert place.real is not None  # noqa: S101 (it is no text change)
        try:
            content = contents.read_whole(place.real)
        except OSError as error:
            raise Refused(f"{place.name} could not be brought back: it is {error.strerror}.") from None
        if content is None or now is None:
            raise Refused(f"{place.name} is not there any more.")
        if now != content.text:
            raise Refused(f"{place.name} has unsaved changes; save it first, then propose it again.")
        return content

    def _standing(self, place: Located) -> str | None:
        now = self._now[place.uri]
        if now.problem:
            raise Refused(f"{place.name} cannot be changed: it is {now.problem}.")
        return now.text

    def _result(self, place: Located, after: str, encoding: str, before: str | None) -> None:
        """Whether a file can hold the text that would come."""
        marked = after.startswith(BYTE_ORDER_MARK) and not (before or "").startswith(BYTE_ORDER_MARK)
        if "\0" in after or (marked and not self._exact):
            raise Refused(f"{place.name} would hold a NUL or a byte order mark, which are no part of a text.")
        if encoding not in contents.NAMES:
            raise Refused(f"{place.name} would be in {encoding!r}, which is no encoding that is written.")
        try:
            data = contents.encoded(after, encoding)
        except UnicodeEncodeError as error:
            known, odd = contents.NAMES[encoding], after[error.start]
            raise Refused(f"{place.name} is in {known}, which cannot hold {odd!r}; convert it first.") from None
        if len(data) >= contents.LARGEST:
            most = f"{contents.LARGEST:,}"
            raise Refused(f"{place.name} would have {len(data):,} bytes; files of {most} and more are left alone.")
        if not contents.holds_exactly(data, after):
            known = contents.NAMES[encoding]
            raise Refused(
                f"{place.name} would no longer be known for the {known} that it is; convert it to UTF-8 first."
            )
        if not self._exact and before is not None and endings.uniform(before) and not endings.uniform(after):
            raise Refused(f"{place.name} would have line endings of two kinds; propose whole lines.")

    def _syntax(self, place: Located, before: str, after: str) -> None:
        if not self._exact and (line := syntax_check.broken_line(place.uri, place.real, before, after)) is not None:
            self._warnings.append(f"{place.name} would no longer parse: line {line}.")


def _check_writable(place: Located) -> None:
    """Raise `Refused` for a file that somebody has protected."""
    if place.real is not None and contents.is_protected(place.real):
        raise Refused(f"{place.name} is write-protected; make it writable first, then propose it again.")


def _content(place: Located, now: str) -> Content:
    """The editor's text in the encoding of its file."""
    try:
        held = contents.read(place.real) if place.real is not None else None
    except OSError:
        held = None  # it is open: the text is the editor's, and the editor knows the encoding
    for content in (contents.Content(now) if held is None else replace(held, text=now), contents.Content(now)):
        if contents.holds(content.encoding, now):
            return content
    raise Refused(f"{place.name} holds halves of characters, which no file can; mend it first.")


def _changes_nothing(change: Change) -> bool:
    return (isinstance(change, TextChange) and change.before == change.after) or (
        isinstance(change, RenameFile) and change.path == change.to
    )
