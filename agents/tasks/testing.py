"""Where and how this workspace tests: framework, file and naming, as its own tests show, else as is the custom.

Reads names and texts of workspace files through what it is handed; knows no model and runs nothing. Start at
`place_for`.
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
    from agents.tasks.task import Means
    from indexing.syntax.documents import Document

_MOST_FILES = 20_000
_MOST_READ = 6  # test files that are looked into for their framework


@dataclass(frozen=True, slots=True)
class TestPlace:
    """Where a test goes, and how it is written.

    Attributes:
        framework: "pytest", "unittest", "jest", "vitest", "mocha", "node", "go" or "rust".
        path: of the test file.
        before: its text, None where there is no such file yet.
        header: what a new file begins with: imports.
        needs: an import that the existing file lacks, "" for none.
    """

    __test__ = False  # pytest takes classes of this name for its own

    framework: str
    path: Path
    before: str | None
    header: str
    needs: str = ""


def place_for(document: Document, function: Function, means: Means) -> TestPlace | None:
    """Where the test of `function` goes; None where this is not known for its language."""
    finder = _FINDERS.get(document.entry.test_custom)
    if document.path is None or finder is None:
        return None
    return finder(document, document.path, function, means)


def covering(document: Document, function: Function, means: Means) -> Path | None:
    """The test file that is there for `function`'s file and speaks of it; None where none does."""
    place = place_for(document, function, means)
    if place is None or place.before is None or place.path == document.path:
        return None
    names = {function.name, function.container} - {""}
    return place.path if any(re.search(rf"\b{re.escape(name)}\b", place.before) for name in names) else None


def is_test(path: Path) -> bool:
    """Whether a file holds tests, by its name."""
    pattern = languages.get(languages.detect(path)).test_file
    return bool(pattern) and re.search(pattern, path.name) is not None


def _root_of(path: Path, means: Means) -> Path:
    inside = [root for root in means.roots if path.is_relative_to(root)]
    return max(inside, key=lambda root: len(root.parts)) if inside else path.parent


def _tests(means: Means, document: Document, root: Path) -> list[Path]:
    found = []
    wanted = re.compile(document.entry.test_file)
    for number, path in enumerate(means.files()):
        if number >= _MOST_FILES:
            break
        if wanted.search(path.name) and path.is_relative_to(root):
            found.append(path)
    return found


def _python(document: Document, path: Path, function: Function, means: Means) -> TestPlace:
    root = _root_of(path, means)
    tests = _tests(means, document, root)
    suffixed = sum(each.name.endswith("_test.py") for each in tests) * 2 > len(tests)
    name = f"{path.stem}_test.py" if suffixed else f"test_{path.stem}.py"
    target = _nearest([each for each in tests if each.name == name], path) or _folder(tests, path, root) / name
    texts = [means.read(each) or "" for each in tests[:_MOST_READ]]
    unittest = sum("unittest" in text for text in texts) * 2 > len(texts) if texts else False
    names = function.container or function.name
    wanted = f"from {_module(path, root)} import {names}"
    before = means.read(target)
    header = f"import unittest\n\n{wanted}\n" if unittest else f"{wanted}\n"
    needs = "" if before is None or re.search(rf"^\s*(?:from|import)\b.*\b{names}\b", before, re.MULTILINE) else wanted
    return TestPlace("unittest" if unittest else "pytest", target, before, header, needs)


def _module(path: Path, root: Path) -> str:
    parts = list(path.relative_to(root).with_suffix("").parts)
    if parts[0] in {"src", "lib"} and len(parts) > 1:
        parts = parts[1:]
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


def _folder(tests: Sequence[Path], path: Path, root: Path) -> Path:
    """The folder of tests that mirrors the source's, else the one with the most tests, else `tests`."""
    folders = Counter(each.parent for each in tests)
    parts = path.parent.relative_to(root).parts
    for skipped in range(len(parts) + 1):
        for top in ("tests", "test"):
            mirrored = root.joinpath(top, *parts[skipped:])
            if mirrored in folders:
                return mirrored
    return folders.most_common(1)[0][0] if folders else root / "tests"


def _nearest(paths: Sequence[Path], path: Path) -> Path | None:
    """The one with the most folders in common with `path`."""
    return max(paths, key=lambda each: len(set(each.parts) & set(path.parts)), default=None)


def _script(document: Document, path: Path, function: Function, means: Means) -> TestPlace | None:
    if not re.search(rf"export\b[^;]*\b{function.name}\b|exports\b[^;]*\b{function.name}\b", document.text):
        return None  # nothing outside of the file can call it
    root = _root_of(path, means)
    tests = _tests(means, document, root)
    marks = Counter(each.name.split(".")[-2] for each in tests)  # "test" or "spec"
    name = f"{path.stem}.{marks.most_common(1)[0][0] if marks else 'test'}{path.suffix}"
    aside = sum(each.parent.name == "__tests__" for each in tests) * 2 > len(tests) if tests else False
    folder = path.parent / "__tests__" if aside else path.parent
    if tests and not aside and all(each.parts[len(root.parts)] in {"test", "tests"} for each in tests):
        folder = _folder(tests, path, root)
    target = _nearest([each for each in tests if each.name == name], path) or folder / name
    framework = _script_framework(root, means)
    module = Path(os.path.relpath(path.with_suffix(""), target.parent)).as_posix()
    module = module if module.startswith(".") else f"./{module}"
    required = "exports" in document.text and "export " not in document.text
    names = function.container or function.name
    wanted = f'const {{ {names} }} = require("{module}");' if required else f'import {{ {names} }} from "{module}";'
    before = means.read(target)
    extra = {"vitest": 'import { expect, test } from "vitest";\n', "node": _NODE[required]}.get(framework, "")
    needs = "" if before is None or names in before else wanted
    return TestPlace(framework, target, before, f"{extra}{wanted}\n", needs)


_NODE = {
    True: 'const assert = require("node:assert");\nconst { test } = require("node:test");\n',
    False: 'import assert from "node:assert";\nimport { test } from "node:test";\n',
}


def _script_framework(root: Path, means: Means) -> str:
    said = means.read(root / "package.json") or ""
    return next((name for name in ("vitest", "jest", "mocha") if f'"{name}"' in said), "node")


def _go(document: Document, path: Path, _: Function, means: Means) -> TestPlace:
    target = path.with_name(f"{path.stem}_test.go")
    package = re.search(r"^package\s+(\w+)", document.text, re.MULTILINE)
    name = package[1] if package else "main"
    return TestPlace("go", target, means.read(target), f'package {name}\n\nimport "testing"\n')


def _rust(document: Document, path: Path, _: Function, __: Means) -> TestPlace:
    return TestPlace("rust", path, document.text, "")


_FINDERS: dict[str, Callable[[Document, Path, Function, Means], TestPlace | None]] = {
    "python": _python,
    "script": _script,
    "go": _go,
    "rust": _rust,
}
