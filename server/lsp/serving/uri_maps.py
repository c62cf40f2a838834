"""Maps folders of the editor's machine to folders of the server's, in the URIs and paths of messages.

Only fields that hold a URI or a path are changed, never texts. A file URI of the server that leaves a folder by ".." is
refused, so that the server cannot lead the editor out of a mapped folder. Start at `parse_maps`.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

URI_FIELDS = frozenset({
    "uri", "rootUri", "baseUri", "scopeUri", "targetUri", "oldUri", "newUri", "document", "target", "uris",
})  # fmt: skip
"""Fields of LSP and of Starling's own methods that hold a URI, or a list of them."""
PATH_FIELDS = frozenset({"rootPath", "path", "paths", "roots", "files", "unsaved"})
"""Fields of Starling's commands, and an old one of LSP, that hold an absolute path, or a list of them."""
KEYED = frozenset({"changes", "relatedDocuments"})
"""Fields of LSP whose keys are URIs."""
OPAQUE = "data"
"""The field that a client sends back as it got it."""
FILE_URI = re.compile(r"file:(?://(?P<authority>[^/?#]*))?/(?P<path>[^?#]*)(?P<rest>.*)", re.IGNORECASE | re.DOTALL)
DRIVE = re.compile(r"[A-Za-z]:")


class MapError(ValueError):
    """The text names no two folders, or a folder twice; the message says why."""


class OutsideError(Exception):
    """A message of the server has a file URI or path that leaves its folder by ".."."""


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of some machine.

    Attributes:
        segments: names of the folders from the root on; on Windows the drive is the first one.
        authority: the host of a network folder on Windows, "" for none.
        is_windows: whether the path is one of Windows, where upper and lower case do not differ.
    """

    segments: tuple[str, ...]
    authority: str = ""
    is_windows: bool = False

    def contains(self, authority: str, names: Sequence[str]) -> bool:
        """Return whether the path of `names` on the host `authority` is this folder or lies in it."""
        head = tuple(names[: len(self.segments)])
        if self.is_windows:
            return authority == self.authority and _lower(head) == _lower(self.segments)
        return authority == self.authority and head == self.segments

    def make_uri(self, rest: Sequence[str]) -> str:
        """Return the file URI of a path below this folder; `rest` are its further segments as they are in a URI."""
        own = [one if DRIVE.fullmatch(one) and self.is_windows else quote(one, safe="") for one in self.segments]
        return f"file://{self.authority}/{'/'.join([*own, *rest])}"

    def make_path(self, rest: Sequence[str]) -> str:
        """Return the path below this folder whose further names are `rest`."""
        if not self.is_windows:
            return "/" + "/".join([*self.segments, *rest])
        return (f"\\\\{self.authority}\\" if self.authority else "") + "\\".join([*self.segments, *rest])


Pair = tuple[Folder, Folder]


class UriMaps:
    """The mapped folders of one connection; without any, messages are passed on unchanged."""

    def __init__(self, pairs: Iterable[Pair] = ()) -> None:
        """Keep `pairs` of a folder of the editor's machine and one of the server's."""
        known = tuple(pairs)
        self._to_server = sorted(known, key=lambda pair: -len(pair[0].segments))
        self._to_editor = sorted(((there, here) for here, there in known), key=lambda pair: -len(pair[0].segments))

    def map_to_server(self, body: bytes) -> bytes:
        """Return a message of the editor as the server should get it."""
        if not self._to_server:
            return body
        try:
            return _map_message(body, lambda text: _map_uri(text, self._to_server), self._map_path_to_server)
        except (ValueError, RecursionError):
            return body

    def map_to_editor(self, body: bytes) -> bytes:
        """Return a message of the server as the editor should get it. Raises OutsideError."""
        if not self._to_editor:
            return body
        try:
            return _map_message(body, self._map_uri_to_editor, self._map_path_to_editor)
        except (ValueError, RecursionError):
            raise OutsideError("a message cannot be read") from None

    def _map_path_to_server(self, text: str) -> str:
        """Return a path of the editor's machine as the server's."""
        return _map_path(text, self._to_server)

    def _map_uri_to_editor(self, uri: str) -> str:
        """Return a URI of the server as the editor's. Raises OutsideError."""
        if uri[:5].lower() == "file:" and _climbs(unquote(uri)):  # some clients read a query as a part of the path
            raise OutsideError(f"the URI {uri[:200]} leaves its folder")
        return _map_uri(uri, self._to_editor)

    def _map_path_to_editor(self, text: str) -> str:
        """Return a path of the server as the editor's machine has it. Raises OutsideError."""
        mapped = _map_path(text, self._to_editor)
        if mapped != text and _climbs(text):
            raise OutsideError(f"the path {text[:200]} leaves its folder")
        return self._map_uri_to_editor(text) if mapped == text else mapped


def parse_maps(texts: Iterable[str]) -> UriMaps:
    """Return the maps that `texts` name, each as EDITOR_FOLDER=SERVER_FOLDER. Raises MapError."""
    pairs = [_parse_pair(text) for text in texts]
    for side, whose in ((0, "the editor's machine"), (1, "the server")):
        folders = [pair[side] for pair in pairs]
        if len(set(folders)) < len(folders):
            raise MapError(f"A folder of {whose} is mapped twice.")
    return UriMaps(pairs)


def _parse_pair(text: str) -> Pair:
    """Return the two folders that `text` names. Raises MapError."""
    found = []
    for at, character in enumerate(text):
        if character == "=":
            pair = _parse_folder(text[:at]), _parse_folder(text[at + 1 :])
            if pair[0] is not None and pair[1] is not None:
                found.append((pair[0], pair[1]))
    if len(found) != 1:
        raise MapError(f"--map takes two absolute folders, such as /home/ada/code=/srv/code, but {text!r} was given.")
    return found[0]


def _parse_folder(path: str) -> Folder | None:
    """Return the folder with the absolute path `path`; None for a relative path, a root and a path with "..".

    A path that begins with a drive or with two backslashes is one of Windows.
    """
    is_windows = bool(DRIVE.match(path)) or path.startswith("\\\\")
    names = [one for one in (path.replace("\\", "/") if is_windows else path).split("/") if one]
    if not names or ".." in names or "." in names or "\0" in path:
        return None
    if path.startswith("\\\\"):
        return Folder(tuple(names[1:]), names[0].lower(), is_windows=True) if len(names) > 1 else None
    if is_windows:
        return Folder(tuple(names), is_windows=True) if path[2:3] in {"/", "\\"} and len(names) > 1 else None
    return Folder(tuple(names)) if path.startswith("/") else None


def _map_message(body: bytes, map_uri: Callable[[str], str], map_path: Callable[[str], str]) -> bytes:
    """Return the message `body` with each field that holds a URI or a path mapped; `body` itself if none changes.

    Raises:
        ValueError, RecursionError: it is not JSON, or nested too deeply.
    """
    message = json.loads(body)
    changed = False
    open_parts: list[Any] = [message]
    while open_parts:
        part = open_parts.pop()
        if isinstance(part, list):
            open_parts += part
            continue
        if not isinstance(part, dict):
            continue
        for name, value in list(part.items()):
            mapping = map_uri if name in URI_FIELDS else map_path if name in PATH_FIELDS else None
            new = _map_value(name, value, mapping, map_uri)
            if new != value:
                part[name], changed = new, True
            if name != OPAQUE:
                open_parts.append(new)
    return json.dumps(message).encode() if changed else body


def _map_value(name: str, value: object, mapping: Callable[[str], str] | None, map_uri: Callable[[str], str]) -> object:
    """Return the value of the field `name`, with its strings mapped, or its keys if these are URIs."""
    if mapping is not None and isinstance(value, str):
        return mapping(value)
    if mapping is not None and isinstance(value, list) and value and all(isinstance(one, str) for one in value):
        return [mapping(one) for one in value]
    if name in KEYED and isinstance(value, dict):
        return {map_uri(key): one for key, one in value.items()}
    return value


def _map_uri(uri: str, pairs: Sequence[Pair]) -> str:
    """Return the file URI `uri` in the folder that its own one is mapped to; `uri` itself if none is mapped."""
    found = FILE_URI.fullmatch(uri)
    if found is None:
        return uri
    authority = unquote(found["authority"] or "").lower()
    raw = found["path"].split("/")
    names = [unquote(one) for one in raw]
    if _climbs("/".join(names)):
        return uri
    for source, target in pairs:
        if source.contains("" if authority == "localhost" else authority, names):
            return target.make_uri(raw[len(source.segments) :]) + found["rest"]
    return uri


def _map_path(path: str, pairs: Sequence[Pair]) -> str:
    """Return the absolute `path` in the folder that its own one is mapped to; `path` itself if none is mapped."""
    if "\0" in path or not (path.startswith(("/", "\\\\")) or DRIVE.match(path)):
        return path
    for source, target in pairs:
        plain = path.replace("\\", "/") if source.is_windows else path
        authority, names = "", plain.lstrip("/").split("/")
        if source.authority:
            authority, names = names[0].lower(), names[1:]
        if source.contains(authority, names):
            return target.make_path(names[len(source.segments) :])
    return path


def _climbs(path: str) -> bool:
    """Return whether a segment of `path`, which is decoded, is ".."; a backslash separates segments, too."""
    return ".." in path and ".." in path.replace("\\", "/").split("/")


def _lower(names: Sequence[str]) -> list[str]:
    """Return `names` in lower case."""
    return [one.lower() for one in names]
