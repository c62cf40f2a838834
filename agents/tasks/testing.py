"""A workspace's test conventions: framework, file and naming, from its own tests, else the language's custom.

Reads the names and texts of workspace files through `Resources`; knows no model and runs nothing. Start at
`find_test_place`.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from indexing.syntax import languages

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from agents.tasks.functions import Function
    from agents.tasks.task import Resources
    from indexing.syntax.documents import Document

_MOST_FILES = 20_000
_MOST_READ = 6  # test files that are read to detect the framework


@dataclass(frozen=True, slots=True)
class TestPlace:
    """The place of a test, and the framework to write it for.

    Attributes:
        framework: "pytest", "unittest", "jest", "vitest", "mocha", "node", "go" or "rust".
        path: the test file.
        before: text of the test file, None where there is no such file yet.
        header: imports that a new file begins with.
        needs: an import that the existing file lacks, "" for none.
    """

    __test__ = False  # keeps pytest from collecting the class as a test

    framework: str
    path: Path
    before: str | None
    header: str
    needs: str = ""


def find_test_place(document: Document, function: Function, resources: Resources) -> TestPlace | None:
    """Return the file and the framework for a test of `function`.

    Returns None for an unsupported language, an unsaved document, or a JavaScript function that is not exported.
    """
    finder = _FINDERS.get(document.entry.test_custom)
    if document.path is None or finder is None:
        return None
    return finder(document, document.path, function, resources)


def find_covering_test(document: Document, function: Function, resources: Resources) -> Path | None:
    """Return the test file of `document` if it mentions `function` or its class.

    Returns None if it does not, if there is no such file, or where tests are in the source file (Rust).
    """
    place = find_test_place(document, function, resources)
    if place is None or place.before is None or place.path == document.path:
        return None
    names = {function.name, function.container} - {""}
    return place.path if any(re.search(rf"\b{re.escape(name)}\b", place.before) for name in names) else None


def is_test_file(path: Path) -> bool:
    """Return whether the file has the name of a test file in its language."""
    pattern = languages.get(languages.detect(path)).test_file
    return bool(pattern) and re.search(pattern, path.name) is not None


def _find_root(path: Path, resources: Resources) -> Path:
    """Return the innermost workspace folder that contains `path`, else its own folder."""
    inside = [root for root in resources.roots if path.is_relative_to(root)]
    return max(inside, key=lambda root: len(root.parts)) if inside else path.parent


def _list_tests(resources: Resources, document: Document, root: Path) -> list[Path]:
    """Return the test files of the document's language below `root`; looks at 20,000 workspace files at most."""
    found = []
    wanted = re.compile(document.entry.test_file)
    for number, path in enumerate(resources.files()):
        if number >= _MOST_FILES:
            break
        if wanted.search(path.name) and path.is_relative_to(root):
            found.append(path)
    return found


def _find_python_place(document: Document, path: Path, function: Function, resources: Resources) -> TestPlace:
    """Return the place of a Python test, named and written like most tests of the workspace."""
    root = _find_root(path, resources)
    tests = _list_tests(resources, document, root)
    suffixed = sum(each.name.endswith("_test.py") for each in tests) * 2 > len(tests)
    name = f"{path.stem}_test.py" if suffixed else f"test_{path.stem}.py"
    target = (
        _find_nearest([each for each in tests if each.name == name], path) or _choose_folder(tests, path, root) / name
    )
    texts = [resources.read(each) or "" for each in tests[:_MOST_READ]]
    unittest = sum("unittest" in text for text in texts) * 2 > len(texts) if texts else False
    names = function.container or function.name
    wanted = f"from {_build_module_name(path, root)} import {names}"
    before = resources.read(target)
    header = f"import unittest\n\n{wanted}\n" if unittest else f"{wanted}\n"
    needs = "" if before is None or re.search(rf"^\s*(?:from|import)\b.*\b{names}\b", before, re.MULTILINE) else wanted
    return TestPlace("unittest" if unittest else "pytest", target, before, header, needs)


def _build_module_name(path: Path, root: Path) -> str:
    """Return the dotted name to import `path` by; a top folder `src` or `lib` is left out."""
    parts = list(path.relative_to(root).with_suffix("").parts)
    if parts[0] in {"src", "lib"} and len(parts) > 1:
        parts = parts[1:]
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


def _choose_folder(tests: Sequence[Path], path: Path, root: Path) -> Path:
    """Return the test folder that mirrors the source's folder, else the one with the most tests, else `tests`."""
    folders = Counter(each.parent for each in tests)
    parts = path.parent.relative_to(root).parts
    for skipped in range(len(parts) + 1):
        for top in ("tests", "test"):
            mirrored = root.joinpath(top, *parts[skipped:])
            if mirrored in folders:
                return mirrored
    return folders.most_common(1)[0][0] if folders else root / "tests"


def _find_nearest(paths: Sequence[Path], path: Path) -> Path | None:
    """Return the path that has the most folders in common with `path`, None for no paths."""
    return max(paths, key=lambda each: len(set(each.parts) & set(path.parts)), default=None)


def _find_script_place(document: Document, path: Path, function: Function, resources: Resources) -> TestPlace | None:
    """Return the place of a JavaScript or TypeScript test; None where the function is not exported."""
    if not re.search(rf"export\b[^;]*\b{function.name}\b|exports\b[^;]*\b{function.name}\b", document.text):
        return None  # nothing outside of the file can call it
    root = _find_root(path, resources)
    tests = _list_tests(resources, document, root)
    marks = Counter(each.name.split(".")[-2] for each in tests)  # "test" or "spec"
    name = f"{path.stem}.{marks.most_common(1)[0][0] if marks else 'test'}{path.suffix}"
    aside = sum(each.parent.name == "__tests__" for each in tests) * 2 > len(tests) if tests else False
    folder = path.parent / "__tests__" if aside else path.parent
    if tests and not aside and all(each.parts[len(root.parts)] in {"test", "tests"} for each in tests):
        folder = _choose_folder(tests, path, root)
    target = _find_nearest([each for each in tests if each.name == name], path) or folder / name
    framework = _detect_script_framework(root, resources)
    module = Path(os.path.relpath(path.with_suffix(""), target.parent)).as_posix()
    module = module if module.startswith(".") else f"./{module}"
    required = "exports" in document.text and "export " not in document.text
    names = function.container or function.name
    wanted = f'const {{ {names} }} = require("{module}");' if required else f'import {{ {names} }} from "{module}";'
    before = resources.read(target)
    extra = {"vitest": 'import { expect, test } from "vitest";\n', "node": _NODE_IMPORTS[required]}.get(framework, "")
    needs = "" if before is None or names in before else wanted
    return TestPlace(framework, target, before, f"{extra}{wanted}\n", needs)


_NODE_IMPORTS = {
    True: 'const assert = require("node:assert");\nconst { test } = require("node:test");\n',
    False: 'import assert from "node:assert";\nimport { test } from "node:test";\n',
}


def _detect_script_framework(root: Path, resources: Resources) -> str:
    """Return the test framework that `package.json` mentions, "node" for none."""
    said = resources.read(root / "package.json") or ""
    return next((name for name in ("vitest", "jest", "mocha") if f'"{name}"' in said), "node")


def _find_go_place(document: Document, path: Path, _: Function, resources: Resources) -> TestPlace:
    """Return the place of a Go test: the file `NAME_test.go` beside the source."""
    target = path.with_name(f"{path.stem}_test.go")
    package = re.search(r"^package\s+(\w+)", document.text, re.MULTILINE)
    name = package[1] if package else "main"
    return TestPlace("go", target, resources.read(target), f'package {name}\n\nimport "testing"\n')


def _find_rust_place(document: Document, path: Path, _: Function, __: Resources) -> TestPlace:
    """Return the place of a Rust test: the source file itself."""
    return TestPlace("rust", path, document.text, "")


_FINDERS: dict[str, Callable[[Document, Path, Function, Resources], TestPlace | None]] = {
    "python": _find_python_place,
    "script": _find_script_place,
    "go": _find_go_place,
    "rust": _find_rust_place,
}
