"""The first half of validation: finds the file of each change and checks by `places` that it may be written.

No file is read before that check. Start at `locate_changes`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from agents.edits import CreateFile, DeleteFile, RenameFile, TextChange
from indexing.workspace.origins import parse_file_uri
from server.gate.places import fold_name
from server.gate.refusal import Refused

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from agents.edits import Change, ProposedEdit
    from server.gate.places import Places

MOST_CHANGES = 200


@dataclass(frozen=True, slots=True)
class LocatedChange:
    """A change with its file.

    Attributes:
        change: the change as proposed.
        name: the file's path relative to its workspace folder, for a person; the URI of an untitled document.
        uri: URI of the document that is changed.
        real: the file's path with links resolved; None for an untitled document.
        target: the real path that a renamed file gets; None for other changes.
    """

    change: Change
    name: str
    uri: str
    real: Path | None
    target: Path | None = None


def locate_changes(places: Places, proposal: ProposedEdit) -> tuple[LocatedChange, ...]:
    """Return each change of `proposal` with its file, in order; blocking.

    Raises:
        Refused: a file must not be changed, a file has two changes, or there are more than `MOST_CHANGES` changes.
    """
    if len(proposal.changes) > MOST_CHANGES:
        raise Refused(f"The proposal changes {len(proposal.changes)} files at once; propose at most {MOST_CHANGES}.")
    found = tuple(_locate_change(places, change) for change in proposal.changes)
    seen: set[str] = set()
    for one in found:
        for key in _list_keys(one):
            if key in seen:
                raise Refused(f"{one.name} is named twice; propose one change of each file.")
            seen.add(key)
    _check_nesting(found)
    return found


def _locate_change(places: Places, change: Change) -> LocatedChange:
    """Return `change` with its file; raise `Refused` if the file must not be changed."""
    match change:
        case TextChange(path=None):
            places.check_untitled(change.uri)
            return LocatedChange(change, change.uri, change.uri, None)
        case TextChange(path=path) if path is not None:
            _check_same_file(change.uri, path)
            return LocatedChange(change, places.format_path(path), change.uri, places.resolve_open(path))
        case CreateFile():
            real = places.resolve_new(change.path)
            return LocatedChange(change, places.format_path(change.path), change.path.as_uri(), real)
        case DeleteFile():
            real = places.resolve_existing(change.path, itself=True)
            return LocatedChange(change, places.format_path(change.path), change.path.as_uri(), real)
        case RenameFile():
            real = places.resolve_existing(change.path, itself=True)
            target = places.resolve_new(change.to, coming_from=real)
            return LocatedChange(change, places.format_path(change.path), change.path.as_uri(), real, target)
    raise AssertionError(change)


def _list_keys(one: LocatedChange) -> list[str]:
    """Return strings that identify the files of `one`; two changes that share a string are of the same file.

    New files whose paths differ only in case share a string, because some disks ignore case.
    """
    keys = [str(one.real) if one.real is not None else one.uri]
    if (new := _find_new_path(one)) is not None:
        keys += [str(new), f"new {fold_name(str(new))}"]
    return list(dict.fromkeys(keys))


def _find_new_path(one: LocatedChange) -> Path | None:
    """Return the real path of the file that a change creates, or moves a file to; None for other changes."""
    return one.real if isinstance(one.change, CreateFile) else one.target


def _check_nesting(found: Sequence[LocatedChange]) -> None:
    """Raise `Refused` if a new file has the path of a folder that another new file needs."""
    new = {one.name: path for one in found if (path := _find_new_path(one)) is not None}
    files = {fold_name(str(path)) for path in new.values()}
    for name, path in new.items():
        if any(fold_name(str(folder)) in files for folder in path.parents):
            raise Refused(
                f"{name} would lie in a folder that another change creates as a file; give one of them another name."
            )


def _check_same_file(uri: str, path: Path) -> None:
    """Raise `Refused` unless the editor's `uri` names the file at `path`: only the path is checked further."""
    if parse_file_uri(uri) != path:
        raise Refused(f"{uri} is not {path}; give the URI and the path of the same file.")
