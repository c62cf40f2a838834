"""The paths that a URI stands for, whatever its scheme: the file of which a document is a version, a cell, or a part.

Editors and plugins name versions of files in ways of their own (`git:`, `fugitive:`, `review:`, `zipfile:`, ...).
Nobody knows them all, so every path that is found in a URI counts: what is decided of a document is decided of the
strictest. Reads no disk. Start at `origins_of`.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote, urlparse

if TYPE_CHECKING:
    from collections.abc import Iterator

_MOST = 24  # paths of one URI
_LONGEST = 8192  # characters of a URI that are looked at; no path is longer
_UNQUOTINGS = 3  # a plugin may quote what was quoted already
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")  # one letter is a drive
_DRIVE = re.compile(r"/?([A-Za-z]):/")
_INSIDE = re.compile(r"::|!/|\.(?:zip|jar|tar|tgz|whl|egg|war|nupkg|vsix|gz|xz|bz2|7z)(?=/)", re.IGNORECASE)
_REPOSITORY = re.compile(r"(.*?)/\.(?:git|hg|svn|jj)(?:/(?:worktrees|modules)/[^/]+)?(/{1,2}.*)", re.DOTALL)
# What stands between a repository and the path in it: a commit, a stage, or `HEAD~1:`.
_REVISION = re.compile(
    r"/*(?:(?:[0-9a-f]{6,64}|\d|:\d?:?|[A-Z_]*HEAD[~^0-9@{}-]*|[\w.@{}~^-]+:|:)(?=/|:|\Z|(?<=:)))?:?/*"
)
_SIDE = re.compile(r"/(?:LEFT|RIGHT|base|head|ours|theirs|remote|local|merged)/(.+)", re.DOTALL | re.IGNORECASE)
# A version behind a name: `.env@abc`, `.env;v=3`, `.env~HEAD`, `.env (Working Tree)`.
_VERSION_END = re.compile(r"(?:[@;~^][^/]{0,80}|@@/.{0,200}|,v| \([^/()]{1,80}\))$")
_NO_PATH = re.compile(r"[\0\n\r]")


def path_of(uri: str) -> Path | None:
    """Return the absolute path that a `file:` URI names; None for others (`untitled:`, notebook cells, remote)."""
    try:
        name = _file_name(uri)
    except ValueError:  # no URI at all, such as `file://[`
        return None
    if not name or "\0" in name:
        return None
    path = Path(name)
    return path if path.is_absolute() else None


def _file_name(uri: str) -> str:
    """Return the path of a `file:` URI as the system writes it, "" for any other URI.

    Raises:
        ValueError: it is no URI at all.
    """
    parts = urlparse(uri)
    if unquote(parts.scheme) != "file":
        return ""
    host, name = unquote(parts.netloc), unquote(parts.path)
    if host and name:
        name = f"//{host}{name}"  # a share
    elif re.match(r"/[a-zA-Z]:", name):
        name = name[1].lower() + name[2:]  # a drive
    return name.replace("/", "\\") if sys.platform == "win32" else name


def is_plain(uri: str) -> bool:
    """Return whether a `file:` URI can stand for nothing but the path it names."""
    rest = uri[len("file://") :] if uri[:7].lower() == "file://" else "%"
    return not re.search(r"%(?!3[aA]|20)|[\\?#]|[ .]+$", rest)


def origins_of(uri: str) -> tuple[Path, ...]:
    """Return the paths that `uri` stands for, absolute or relative; none where it names no path at all."""
    found: dict[str, None] = {}
    for text in _unquoted(uri[:_LONGEST]):
        for name in _named(text):
            for plain in dict.fromkeys((name, unquote(name))):  # what is quoted is no fragment: `%23id_rsa%23`
                for path in _variants(plain.replace("\\", "/")):
                    if len(found) < _MOST:
                        found.setdefault(path)
    return tuple(Path(name) for name in found)


def _unquoted(text: str) -> list[str]:
    texts = [text]
    for _ in range(_UNQUOTINGS):
        plain = unquote(texts[-1])
        if plain == texts[-1]:
            break
        texts.append(plain)
    return texts


def _named(uri: str) -> Iterator[str]:
    """Find what may be a path in a URI: its own, those in its query, and those of URIs in it."""
    scheme = _SCHEME.match(uri)
    rest = uri[scheme.end() :] if scheme else uri
    path, _, query = rest.partition("?")
    if path.startswith("//") and scheme:
        authority, slash, inner = path[2:].partition("/")
        path = slash + inner if slash else authority
    path, _, fragment = path.partition("#")
    yield from _nested(path)
    if query:
        yield from _queried(query)
    if "/" in fragment or fragment.startswith("."):
        yield fragment


def _nested(path: str) -> Iterator[str]:
    """Find the path itself and those of URIs in it (`jar:file:///a.jar!/b`)."""
    inner = _SCHEME.match(path.lstrip("/"))
    if inner is not None and (path.lstrip("/")[inner.end() :].startswith("/") or inner[0].lower() == "file:"):
        yield from _named(path.lstrip("/"))
    else:
        yield path


def _queried(query: str) -> Iterator[str]:
    """Find the paths in a query: JSON as VS Code's extensions write it, pairs, or a bare path."""
    plain = query.partition("#")[0]
    try:
        values = list(_strings(json.loads(plain)))
    except (ValueError, RecursionError):
        values = [value for _, value in parse_qsl(plain)] or [plain]
        values += re.findall(r'"((?:[^"\\]|\\.)*)"', query)[:_MOST]  # JSON that was cut off
    for value in values[:_MOST]:
        if "/" in value or "\\" in value or re.fullmatch(r"[\w. ~+@-]*\.[\w. ~-]+|[\w-]*_history|id_\w+", value):
            yield from _nested(value)


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _strings(inner)


def _variants(name: str) -> Iterator[str]:
    """Find the file that a path is of: in a repository's commit, in an archive, on a side of a comparison."""
    name = _NO_PATH.split(name, maxsplit=1)[0].strip()
    if not name.strip("/. "):
        return
    drive = _DRIVE.match(name)
    if drive is not None:
        yield f"{drive[1]}:/{name[drive.end() :]}"
    repository = _REPOSITORY.fullmatch(name)
    if repository is not None:
        top, inside = repository[1], repository[2]
        relative = inside[_end_of_revision(inside) :].strip("/")
        for part in dict.fromkeys((relative, relative.rpartition(":")[2])):  # a branch's name may hold slashes
            if part:
                yield f"{top}/{part}"
        return
    inner = _INSIDE.split(name)
    if len(inner) > 1:
        yield f"{name[: _INSIDE.search(name).end()]}".rstrip(":!/")  # type: ignore[union-attr]
        yield f"{inner[0].rpartition('/')[0]}/{inner[-1].strip('/')}"
    plain = _VERSION_END.sub("", name)
    if plain != name and not plain.endswith("/"):
        yield plain
    before, colon, behind = name.rpartition(":")
    if colon and len(before) > 1 and behind.strip("/. "):
        yield behind  # of a commit: `HEAD:id_rsa`
    side = _SIDE.search(name)
    if side is not None:
        yield side[1]
    yield name


def _end_of_revision(inside: str) -> int:
    """Return where the path in a repository begins, behind the commit or stage."""
    found = _REVISION.match(inside)
    return found.end() if found is not None else 0
