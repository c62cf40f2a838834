"""Rule 1, a rename carried on: where an identifier was changed, its other uses in this file and in open files.

Only names whose definition the edit has changed are followed, or which nothing defines any more; a name that is still
defined elsewhere in sight is left alone. Start at `find_renames` and `list_uses`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from agents.next_edit.name_places import BUILT_IN, Place, Role, find_places, has_implicit_receiver, resolve
from agents.next_edit.next_edits import Candidate, Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from agents.next_edit.changed_tokens import TokenChange
    from indexing.syntax.documents import Document, Span
    from indexing.syntax.syntax import Syntax

_NAME = re.compile(r"[^\W\d]\w*\Z")
_MEMBER_ROLES = frozenset({Role.MEMBER, Role.MEMBER_BINDING})


@dataclass(frozen=True, slots=True)
class Rename:
    """An identifier that an edit replaced by another.

    Attributes:
        old: the name before.
        new: the name after.
        starts: where the new name stands in the current text.
    """

    old: str
    new: str
    starts: tuple[int, ...]

    @property
    def reason(self) -> str:
        """The reason to show for its other uses."""
        return f"`{self.old}` was renamed to `{self.new}`."


def find_renames(changes: Iterable[TokenChange]) -> list[Rename]:
    """Return the renames among `changes`, in the order of the text; places with the same two names are joined."""
    found: dict[tuple[str, str], list[int]] = {}
    for change in changes:
        if len(change.old) == len(change.new):
            for old, new in zip(change.old, change.new, strict=True):
                if old.text != new.text and _NAME.match(old.text) and _NAME.match(new.text):
                    found.setdefault((old.text, new.text), []).append(new.start)
    return [Rename(old, new, tuple(starts)) for (old, new), starts in found.items()]


def list_uses(rename: Rename, syntax: Syntax) -> list[Place]:
    """Return the places of the old name in the same text that the rename concerns, in the order of the text."""
    old, new = find_places(syntax, rename.old), find_places(syntax, rename.new)
    if not old or new is None or syntax.parsed is None:
        return []
    changed = [place for place in new if place.start in rename.starts]
    sees_classes = has_implicit_receiver(syntax.parsed.grammar.entry)
    chosen: dict[int, Place] = {}
    for place in changed:
        if place.role in _MEMBER_ROLES:
            uses = _list_members(old, new)
        elif place.role in {Role.USE, Role.BINDING}:
            uses = _list_names(rename, place, old, new, changed, sees_classes=sees_classes)
            if place.role is Role.BINDING and place.scopes and place.scopes[0].is_class:
                uses += _list_members(old, new)
        else:
            uses = []
        chosen.update((use.start, use) for use in uses)
    return [chosen[start] for start in sorted(chosen)]


def list_imported_uses(rename: Rename, syntax: Syntax, other: Syntax, document: Document) -> list[Place]:
    """Return the places of the old name in the text of `other` that mean what the rename in `syntax` has renamed.

    [] unless the rename is of a top-level definition of `document`, whose syntax is `syntax`, nothing there defines the
    old name any more, and `other` imports it as in `list_imported_places`.
    """
    here, new = find_places(syntax, rename.old), find_places(syntax, rename.new)
    if here is None or not new:
        return []
    renamed = [one for one in new if one.start in rename.starts and one.role is Role.BINDING and not one.scopes]
    if not renamed or any(one.role is Role.BINDING and not one.scopes for one in here):
        return []
    return list_imported_places(rename.old, other, document)


def list_imported_places(name: str, other: Syntax, document: Document) -> list[Place]:
    """Return the places of `name` in the text of `other`, if it imports the name from a module named as `document`.

    [] if it does not, or anything else there binds the name, too. What the module's name means is judged by
    `_may_mean` alone.
    """
    there = find_places(other, name)
    if not there or document.path is None or other.parsed is None:
        return []
    bindings = [one for one in there if one.role is Role.BINDING]
    imported = [one for one in bindings if one.imported and not one.scopes]
    if len(bindings) != 1 or not imported:
        return []
    module = next((one.module for one in other.imports if one.span is not None and _holds(one.span, imported[0])), "")
    if not _may_mean(module, document.path, has_packages=other.parsed.grammar.entry.python_parser):
        return []
    return [one for one in there if one.role in {Role.USE, Role.BINDING}]


def _holds(span: Span, place: Place) -> bool:
    """Return whether `place` lies in `span`."""
    return span.start <= place.start and place.end <= span.end


def _may_mean(module: str, path: Path, *, has_packages: bool) -> bool:
    """Return whether `module` may mean the file `path`, judged by their names, whichever file imports it.

    A relative name, and any name with `has_packages` (modules are named after folders), has to be the end of the path.
    Of other names only the last part is compared: `b::utils` may mean `a/utils.rs`.
    """
    parts = [part for part in re.split(r"[/\\]" if "/" in module else r"::|[.\\]", module) if part.strip(".")]
    if not has_packages and not module.startswith("."):
        parts = parts[-1:]
    of_folder = {"__init__"} if has_packages else {"index", "mod"}  # files that are imported by their folder's name
    names = path.parent.parts if path.stem in of_folder else (*path.parent.parts, path.stem)
    return bool(parts) and [*names[-len(parts) :]] == parts


def _list_names(  # noqa: PLR0913 - the two names' places, and where the edit was
    rename: Rename,
    place: Place,
    old: Sequence[Place],
    new: Sequence[Place],
    changed: Sequence[Place],
    *,
    sees_classes: bool,
) -> list[Place]:
    """Return the uses of the old name, not as a member, with the meaning that it had at `place`.

    [] if the old name is still defined in that scope, and if nothing there defines the new one.
    """
    before = sorted((*old, *changed), key=lambda one: one.start)  # as if the old name still stood at the changed places
    bindings = [one for one in before if one.role is Role.BINDING]
    scope, own = resolve(place, bindings, sees_classes=sees_classes)
    left = [one for one in own if one not in changed]
    _, now = resolve(place, [one for one in new if one.role is Role.BINDING], sees_classes=sees_classes)
    if left or not now:
        return []
    if not own and rename.old in BUILT_IN:
        return []
    return [
        one
        for one in old
        if one.role in {Role.USE, Role.BINDING}
        and resolve(one, bindings, sees_classes=sees_classes) == (scope, own)
        and resolve(one, [each for each in new if each.role is Role.BINDING], sees_classes=sees_classes)[1] == now
    ]


def _list_members(old: Sequence[Place], new: Sequence[Place]) -> list[Place]:
    """Return the uses of the old name on a method's own object (`self.old`) in classes that define the new member.

    [] if the text still defines the old member.
    """
    if any(_defines_member(one) for one in old):
        return []
    defined = [one for one in new if _defines_member(one)]
    if not defined:
        return []
    own = {one.own_class for one in defined}
    return [one for one in old if one.role in _MEMBER_ROLES and one.is_own_member and one.own_class in own]


def _defines_member(place: Place) -> bool:
    """Return whether the place defines a member: in the body of a class, or by an assignment to its own object."""
    if place.role is Role.MEMBER_BINDING:
        return place.is_own_member
    return place.role is Role.BINDING and bool(place.scopes) and place.scopes[0].is_class


def build_candidates(rename: Rename, uses: Sequence[Place], uri: str, text: str) -> Iterator[Candidate]:
    """Yield one replacement for each line with `uses`, in the order of the text; it covers all uses of the line."""
    waiting: list[Place] = []
    for use in (*uses, None):
        if waiting and (use is None or "\n" in text[waiting[0].start : use.start]):
            start, end = waiting[0].start, waiting[-1].end
            parts: list[str] = []
            reached = start
            for one in waiting:
                parts += text[reached : one.start], rename.new
                reached = one.end
            yield Candidate(uri, start, end, "".join(parts), Kind.RENAME, rename.reason, (rename.old, rename.new))
            waiting = []
        if use is not None:
            waiting.append(use)


def join_renames(renames: Iterable[Rename]) -> list[Rename]:
    """Return `renames`, joining those with the same two names, in the order of their first places."""
    joined: dict[tuple[str, str], Rename] = {}
    for one in renames:
        known = joined.get((one.old, one.new))
        joined[one.old, one.new] = one if known is None else replace(known, starts=(*known.starts, *one.starts))
    return list(joined.values())
