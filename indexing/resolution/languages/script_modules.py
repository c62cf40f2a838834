"""Places of TypeScript and JavaScript modules: relative paths, `tsconfig.json`, packages with `exports` or `main`.

Reads configuration through `Paths.read_text` alone; all of it is data, and what is malformed counts as absent. Start at
`locate`.
"""

from __future__ import annotations

import json
import posixpath
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from indexing.resolution.paths import FileKey, Paths

_ENDINGS = (".ts", ".tsx", ".mts", ".cts", ".d.ts", ".js", ".jsx", ".mjs", ".cjs", ".d.mts", ".d.cts")
_WRITTEN = {  # a name in an import, and the files that it can stand for before itself
    ".js": (".ts", ".tsx", ".d.ts"),
    ".jsx": (".tsx", ".d.ts"),
    ".mjs": (".mts", ".d.mts"),
    ".cjs": (".cts", ".d.cts"),
    ".ts": (".ts", ".d.ts"),
    ".tsx": (".tsx", ".d.ts"),
    ".mts": (".mts", ".d.mts"),
    ".cts": (".cts", ".d.cts"),
}
_CONDITIONS = ("source", "types", "typings", "import", "module", "browser", "node", "default", "require")
_BUILT = re.compile(r"^(?:dist|lib|build|out|esm|cjs|es)(?:/(?:esm|cjs|es|types|src))?/")
_BUILT_ENDING = re.compile(r"(?:\.d)?\.[cm]?[jt]sx?$")
_JSON = re.compile(r'("(?:[^"\\\n]|\\.)*")|//[^\n]*|/\*.*?\*/|,(?=\s*[}\]])', re.DOTALL)
_COMMENTS = re.compile(r'("(?:[^"\\\n]|\\.)*")|//[^\n]*|/\*.*?\*/', re.DOTALL)
_LARGEST = 100_000  # characters of a configuration file that is read
_MOST_PACKAGES = 200  # of a workspace, looked through by name
_MOST_EXTENDED = 4  # configurations, one extending the other
_DEEPEST = 8  # conditions inside conditions


def locate(module: str, relative: str, paths: Paths) -> Sequence[FileKey]:
    """Return the keys of the files of a module, source before declarations; () if it is in no known file.

    Args:
        module: the module as an import writes it.
        relative: path of the importing file in the root of `paths`; "" if it is in another root.
        paths: the files of one root.
    """
    folder = posixpath.dirname(relative)
    if module.startswith((".", "/")):
        return find_file(_join(folder, module), paths) if relative else ()
    found: Sequence[FileKey] = ()
    if relative:
        found = _locate_configured(module, folder, paths)
    if not found and module.startswith("#"):
        return _locate_internal(module, folder, paths)
    found = found or _locate_package(module, folder, paths)
    if not found and relative and "/" in module and not module.startswith("@"):
        for above in _list_folders(folder):  # as if it were the base folder: most configurations are not indexed
            if found := find_file(_join(above, module), paths):
                return found
    return found


def find_file(path: str, paths: Paths) -> Sequence[FileKey]:
    """Return the keys of the file that `path`, with or without ending, or a folder with an index file, stands for."""
    if path.startswith(".."):
        return ()
    stem, ending = posixpath.splitext(path)
    for other in _WRITTEN.get(ending, ()):
        if key := paths.find(stem + other):
            return (key,)
    if ending and ending in {each[-len(ending) :] for each in _ENDINGS} and (key := paths.find(path)):
        declared = paths.find(f"{stem}.d.ts")
        return (key, declared) if declared and declared != key else (key,)
    for base in (path, f"{path}/index" if path else "index"):
        found = [key for each in _ENDINGS if (key := paths.find(base + each))]
        if found:
            return found[:2]
        text = paths.read_text(f"{path}/package.json") if base == path and path else ""
        if text and (inner := _find_entry(read_json(text), "", path, paths)):
            return inner
    return ()


@lru_cache(maxsize=256)
def _parse_json(text: str) -> Any:  # noqa: ANN401 - whatever the file holds
    """Return what a JSON text with comments and trailing commas holds; None if it is malformed."""
    plain = _COMMENTS.sub(lambda found: found[1] or " ", text)
    try:
        return json.loads(_JSON.sub(lambda found: found[1] or "", plain))
    except (ValueError, RecursionError):
        return None


def read_json(text: str) -> dict[str, Any]:
    """Return the object in a JSON text with comments; {} if it is malformed, too large or no object."""
    found = _parse_json(text) if len(text) <= _LARGEST else None
    return found if isinstance(found, dict) else {}


def _join(folder: str, path: str) -> str:
    """Return the normalised path of `path` in `folder`; "" for the root itself."""
    found = posixpath.normpath(posixpath.join(folder, path.lstrip("/") if path.startswith("/") else path))
    return "" if found == "." else found


def _list_folders(folder: str) -> Iterator[str]:
    """Yield `folder` and the folders above it, up to the root."""
    while folder:
        yield folder
        folder = posixpath.dirname(folder)
    yield ""


def _find_above(name: str, folder: str, paths: Paths) -> tuple[str, dict[str, Any]]:
    """Return the nearest folder at or above `folder` with a file `name`, and the object in it; ("", {}) for none."""
    for above in _list_folders(folder):
        if found := read_json(paths.read_text(_join(above, name))):
            return above, found
    return "", {}


# tsconfig.json


def _locate_configured(module: str, folder: str, paths: Paths) -> Sequence[FileKey]:
    """Return the files of a module by `paths` and `baseUrl` of the nearest configuration."""
    for name in ("tsconfig.json", "jsconfig.json"):
        home, found = _find_above(name, folder, paths)
        base, patterns, at = _read_options(found, home, paths)
        for pattern, targets in patterns.items():
            head, star, tail = pattern.partition("*")
            if not (module.startswith(head) and module.endswith(tail) if star else module == pattern):
                continue
            middle = module[len(head) : len(module) - len(tail)] if star else ""
            for target in targets if isinstance(targets, list) else ():
                if isinstance(target, str) and (
                    keys := find_file(_join(at if base is None else base, target.replace("*", middle)), paths)
                ):
                    return keys
        if base is not None and (keys := find_file(_join(base, module), paths)):
            return keys
    return ()


def _read_options(found: dict[str, Any], home: str, paths: Paths) -> tuple[str | None, dict[str, Any], str]:
    """Return base folder, patterns and the folder of these, of a configuration and those that it extends."""
    base: str | None = None
    for _ in range(_MOST_EXTENDED):
        options = found.get("compilerOptions")
        options = options if isinstance(options, dict) else {}
        if base is None and isinstance(options.get("baseUrl"), str):
            base = _join(home, options["baseUrl"])
        if isinstance(options.get("paths"), dict):
            return base, options["paths"], home
        extended = found.get("extends")
        if not isinstance(extended, str) or not extended.startswith("."):
            break
        path = _join(home, extended if extended.endswith(".json") else f"{extended}.json")
        home, found = posixpath.dirname(path), read_json(paths.read_text(path))
    return base, {}, home


# package.json


def _locate_package(module: str, folder: str, paths: Paths) -> Sequence[FileKey]:
    """Return the files of a package, or of a path in it: an installed one, or one of the workspace."""
    parts = module.split("/")
    size = 2 if module.startswith("@") else 1
    name, inside = "/".join(parts[:size]), "/".join(parts[size:])
    typed = f"@types/{name.removeprefix('@').replace('/', '__')}"
    for above in _list_folders(folder):
        for each in (typed, name) if paths.is_installed else (name, typed):
            if found := _find_in_package(_join(above, f"node_modules/{each}"), inside, paths):
                return found
    for path in paths.find_ending("package.json")[:_MOST_PACKAGES]:
        if "node_modules/" not in path and read_json(paths.read_text(path)).get("name") == name:
            return _find_in_package(posixpath.dirname(path), inside, paths)
    return ()


def _find_in_package(home: str, inside: str, paths: Paths) -> Sequence[FileKey]:
    """Return the files of the path `inside` of the package in the folder `home`; of its entry for ""."""
    text = paths.read_text(_join(home, "package.json"))
    return _find_entry(read_json(text), inside, home, paths) if text else ()


def _find_entry(package: dict[str, Any], inside: str, home: str, paths: Paths) -> Sequence[FileKey]:
    """Return the files that a package exports as `inside`; of an exported path that is built, the source."""
    written = [*_list_exports(package.get("exports"), f"./{inside}" if inside else ".")]
    if not inside:
        written += [package[key] for key in ("types", "typings", "module", "main") if isinstance(package.get(key), str)]
    for target in written:
        if found := find_file(_join(home, target), paths):
            return found
        source = _BUILT_ENDING.sub("", _BUILT.sub("src/", target.removeprefix("./")))
        if found := find_file(_join(home, source), paths):
            return found
    for each in ("", "src/"):
        if (inside or each) and (found := find_file(_join(home, f"{each}{inside or 'index'}"), paths)):
            return found
    return () if inside else find_file(_join(home, "index"), paths)


def _list_exports(exports: object, wanted: str) -> Iterator[str]:
    """Yield the paths that a field `exports` or `imports` gives for `wanted`, by condition."""
    if isinstance(exports, dict) and any(key.startswith((".", "#")) for key in exports):
        if wanted in exports:
            yield from _list_targets(exports[wanted], "")
            return
        for pattern, target in exports.items():
            head, star, tail = pattern.partition("*")
            if star and wanted.startswith(head) and wanted.endswith(tail) and len(wanted) >= len(head) + len(tail):
                yield from _list_targets(target, wanted[len(head) : len(wanted) - len(tail)])
    elif wanted == ".":
        yield from _list_targets(exports, "")


def _list_targets(target: object, middle: str, depth: int = 0) -> Iterator[str]:
    """Yield the paths in a target: a path, a list, or an object by condition; `middle` takes the place of `*`."""
    if depth > _DEEPEST:
        return
    if isinstance(target, str):
        yield target.replace("*", middle)
    elif isinstance(target, list):
        for each in target:
            yield from _list_targets(each, middle, depth + 1)
    elif isinstance(target, dict):
        for condition in _CONDITIONS:
            if condition in target:
                yield from _list_targets(target[condition], middle, depth + 1)


def _locate_internal(module: str, folder: str, paths: Paths) -> Sequence[FileKey]:
    """Return the files of a module like `#a`, which `imports` of the nearest package names."""
    home, package = _find_above("package.json", folder, paths)
    for target in _list_exports(package.get("imports"), module):
        if found := find_file(_join(home, target), paths):
            return found
    return ()
