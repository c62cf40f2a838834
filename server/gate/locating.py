"""The files and documents that a proposal names, each looked up by the rules of `places`. Start at `located`.

The first half of validation: nothing is read before it is known to be a place where something may be written.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from agents.edits import CreateFile, DeleteFile, RenameFile, TextChange
from indexing.workspace.origins import path_of
from server.gate.places import folded
from server.gate.refusal import Refused

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from agents.edits import Change, ProposedEdit
    from server.gate.places import Places

MOST_CHANGES = 200


@dataclass(frozen=True, slots=True)
class Located:
    """One change and where it would be made.

    Attributes:
        change: as it was proposed.
        name: what a person calls the file.
        uri: the document whose text decides.
        real: the file without links; None for an untitled document.
        target: where a file would move to, None otherwise.
    """

    change: Change
    name: str
    uri: str
    real: Path | None
    target: Path | None = None


def located(places: Places, proposal: ProposedEdit) -> tuple[Located, ...]:
    """Where the changes would be made; blocking.

    Raises:
        Refused: one of them must not be made there, or two are about the same file.
    """
    if len(proposal.changes) > MOST_CHANGES:
        raise Refused(f"It changes {len(proposal.changes)} files at once; propose at most {MOST_CHANGES}.")
    found = tuple(_located(places, change) for change in proposal.changes)
    seen: set[str] = set()
    for one in found:
        for key in _keys(one):
            if key in seen:
                raise Refused(f"{one.name} is named twice; propose one change of each file.")
            seen.add(key)
    _check_nesting(found)
    return found


def _located(places: Places, change: Change) -> Located:
    match change:
        case TextChange(path=None):
            places.untitled(change.uri)
            return Located(change, change.uri, change.uri, None)
        case TextChange(path=path) if path is not None:
            _same_file(change.uri, path)
            return Located(change, places.shown(path), change.uri, places.openable(path))
        case CreateFile():
            real = places.free(change.path)
            return Located(change, places.shown(change.path), change.path.as_uri(), real)
        case DeleteFile():
            real = places.existing(change.path, itself=True)
            return Located(change, places.shown(change.path), change.path.as_uri(), real)
        case RenameFile():
            real = places.existing(change.path, itself=True)
            target = places.free(change.to, coming_from=real)
            return Located(change, places.shown(change.path), change.path.as_uri(), real, target)
    raise AssertionError(change)


def _keys(one: Located) -> list[str]:
    """What a change is about, so that two names of one file are the same; new names also where only case differs."""
    keys = [str(one.real) if one.real is not None else one.uri]
    if (new := _new(one)) is not None:
        keys += [str(new), f"new {folded(str(new))}"]
    return list(dict.fromkeys(keys))


def _new(one: Located) -> Path | None:
    """The real path of the file that a change brings, None where it brings none."""
    return one.real if isinstance(one.change, CreateFile) else one.target


def _check_nesting(found: Sequence[Located]) -> None:
    """Refuse a file that would have to be another's folder: half of it would be made."""
    new = {one.name: path for one in found if (path := _new(one)) is not None}
    files = {folded(str(path)) for path in new.values()}
    for name, path in new.items():
        if any(folded(str(folder)) in files for folder in path.parents):
            raise Refused(f"{name} would lie in a folder that is to be a file, too; give one of them another name.")


def _same_file(uri: str, path: Path) -> None:
    """Refuse what an editor would do elsewhere than where we looked."""
    if path_of(uri) != path:
        raise Refused(f"{uri} is not {path}; name the same file by both.")
