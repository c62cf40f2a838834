"""The paths in a URI of any scheme: the files of which a document may be a version, a cell or a part.

Editors and plugins have many schemes for versions of files (`git:`, `fugitive:`, `review:`, `zipfile:`, ...). Since no
list of them is complete, every path in a URI counts, and the strictest decides about the document. Reads no disk. Start
at `find_origins`.
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
_UNQUOTINGS = 3  # a plugin may quote quoted text again
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")  # one letter is a drive
_DRIVE = re.compile(r"/?([A-Za-z]):/")
_INSIDE = re.compile(r"::|!/|\.(?:zip|jar|tar|tgz|whl|egg|war|nupkg|vsix|gz|xz|bz2|7z)(?=/)", re.IGNORECASE)
_REPOSITORY = re.compile(r"(.*?)/\.(?:git|hg|svn|jj)(?:/(?:worktrees|modules)/[^/]+)?(/{1,2}.*)", re.DOTALL)
# The part between a repository and the path in it: a commit, a stage, or `HEAD~1:`.
_REVISION = re.compile(
    r"/*(?:(?:[0-9a-f]{6,64}|\d|:\d?:?|[A-Z_]*HEAD[~^0-9@{}-]*|[\w.@{}~^-]+:|:)(?=/|:|\Z|(?<=:)))?:?/*"
)
_SIDE = re.compile(r"/(?:LEFT|RIGHT|base|head|ours|theirs|remote|local|merged)/(.+)", re.DOTALL | re.IGNORECASE)
# A version after a name: `.env@abc`, `.env;v=3`, `.env~HEAD`, `.env (Working Tree)`.
_VERSION_END = re.compile(r"(?:[@;~^][^/]{0,80}|@@/.{0,200}|,v| \([^/()]{1,80}\))$")
_NO_PATH = re.compile(r"[\0\n\r]")


def parse_file_uri(uri: str) -> Path | None:
    """Return the absolute path of a `file:` URI; None for other URIs (`untitled:`, notebook cells, remote files)."""
    try:
        name = _extract_path(uri)
    except ValueError:  # no URI at all, such as `file://[`
        return None
    if not name or "\0" in name:
        return None
    path = Path(name)
    return path if path.is_absolute() else None


def _extract_path(uri: str) -> str:
    """Return the path of a `file:` URI as the system writes it, "" for any other URI.

    Raises:
        ValueError: `uri` is not a URI.
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
    """Return whether `uri` is a `file:` URI that names exactly one path, so that `find_origins` is not needed.

    Such a URI has no query, fragment, backslash, `::`, second scheme, escapes other than `%3A` and `%20`, or name that
    ends with a dot or a space.
    """
    rest = uri[len("file://") :] if uri[:7].lower() == "file://" else "%"
    colons = re.sub(r"^/[A-Za-z](?::|%3[aA])(?=/)", "", rest)  # the one of a drive is none
    return not re.search(r"%(?!3[aA]|20)|[\\?#]|(?:[ .]|%20)(?:/|$)|(?::|%3[aA]){2}|//", colons) and not (
        re.search(r"/[A-Za-z][A-Za-z0-9+.-]+(?::|%3[aA])", colons)
    )


def find_origins(uri: str) -> tuple[Path, ...]:
    """Return up to `_MOST` paths, absolute or relative, of the files that `uri` may refer to."""
    found: dict[str, None] = {}
    for text in _unquote_repeatedly(uri[:_LONGEST]):
        for name in _find_paths(text):
            for plain in dict.fromkeys((name, unquote(name))):  # a quoted # begins no fragment: `%23id_rsa%23`
                for path in _expand_path(plain.replace("\\", "/")):
                    if len(found) < _MOST:
                        found.setdefault(path)
    return tuple(Path(name) for name in found)


def _unquote_repeatedly(text: str) -> list[str]:
    """Return `text` and the results of unquoting it again and again, up to `_UNQUOTINGS` times while it changes."""
    texts = [text]
    for _ in range(_UNQUOTINGS):
        plain = unquote(texts[-1])
        if plain == texts[-1]:
            break
        texts.append(plain)
    return texts


def _find_paths(uri: str) -> Iterator[str]:
    """Yield the possible paths in a URI: its own, those in its query and fragment, and those of nested URIs."""
    scheme = _SCHEME.match(uri)
    rest = uri[scheme.end() :] if scheme else uri
    path, _, query = rest.partition("?")
    if path.startswith("//") and scheme:
        authority, slash, inner = path[2:].partition("/")
        path = slash + inner if slash else authority
    path, _, fragment = path.partition("#")
    yield from _find_nested(path)
    if query:
        yield from _find_in_query(query)
    if "/" in fragment or fragment.startswith("."):
        yield fragment


def _find_nested(path: str) -> Iterator[str]:
    """Yield `path`, or the paths of the URI that it is (`jar:file:///a.jar!/b`)."""
    inner = _SCHEME.match(path.lstrip("/"))
    if inner is not None and (path.lstrip("/")[inner.end() :].startswith("/") or inner[0].lower() == "file:"):
        yield from _find_paths(path.lstrip("/"))
    else:
        yield path


def _find_in_query(query: str) -> Iterator[str]:
    """Yield the paths in a query, which may be JSON (as VS Code's extensions write it), pairs, or a bare path.

    Names of pairs and keys of JSON are not looked at.
    """
    plain = query.partition("#")[0]
    try:
        values = list(_walk_strings(json.loads(plain)))
    except (ValueError, RecursionError):
        values = [value for _, value in parse_qsl(plain)] or [plain]
        values += re.findall(r'"((?:[^"\\]|\\.)*)"', query)[:_MOST]  # JSON that was cut off
    for value in values[:_MOST]:
        if "/" in value or "\\" in value or re.fullmatch(r"[\w. ~+@-]*\.[\w. ~-]+|[\w-]*_history|id_\w+", value):
            yield from _find_nested(value)


def _walk_strings(value: object) -> Iterator[str]:
    """Yield the strings in a JSON value, at any depth; the keys of its objects are no values and are left out."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _walk_strings(inner)


def _expand_path(name: str) -> Iterator[str]:
    """Yield the files that a path may mean: in a commit, in an archive, on one side of a comparison, or itself."""
    name = _NO_PATH.split(name, maxsplit=1)[0].strip()
    if not name.strip("/. "):
        return
    drive = _DRIVE.match(name)
    if drive is not None:
        yield f"{drive[1]}:/{name[drive.end() :]}"
    repository = _REPOSITORY.fullmatch(name)
    if repository is not None:
        top, inside = repository[1], repository[2]
        relative = inside[_skip_revision(inside) :].strip("/")
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


def _skip_revision(inside: str) -> int:
    """Return the offset in `inside` after the commit or stage, where the path in the repository begins."""
    found = _REVISION.match(inside)
    return found.end() if found is not None else 0
