"""Rules for words that a program can check; `python -m tests.tidy.words FOLDER...` prints the broken rules.

- A function's docstring begins with a verb in the imperative ("Return", "Ask"); that of a predicate may say "Whether".
- Docstrings of properties, classes and modules are noun phrases: they do not begin with "What", "How" or the like.
- No function is named by a bare participle (`kept`, `_told`): functions are verbs, values are properties.
- The synonyms that the glossary in CONTRIBUTING.md rules out are used nowhere, except in prompts, which were measured
  with real models, and on lines with a comment `# words: REASON`.

The small programs of the evaluation are not checked, as changes would change what models are measured on.
"""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

REPOSITORY = Path(__file__).parents[2]
PROMPTS = "agents/prompts/"
MEASURED = "tests/eval/small_programs/"
EXEMPT = "# words: "


def read_list(name: str) -> frozenset[str]:
    """Return the words of the list `name` beside this module."""
    return frozenset(Path(__file__).with_name(f"{name}.txt").read_text(encoding="utf-8").split())


VERBS = read_list("verbs")
IRREGULAR = read_list("irregular_participles")
BASE_FORMS = frozenset(
    {"bleed", "breed", "embed", "exceed", "feed", "heed", "need", "proceed", "seed", "shed", "speed"}
)
QUESTIONS = frozenset({"how", "what", "when", "where", "whether", "which", "who", "why"})
VALUES = ("property", "cached_property", "setter", "overload")

Function = ast.FunctionDef | ast.AsyncFunctionDef


def is_value(function: Function) -> bool:
    """Return whether `function` is used like a value (a property), so that its name is a noun."""
    return any(ast.unparse(decorator).rsplit(".", 1)[-1] in VALUES for decorator in function.decorator_list)


def is_predicate(function: Function) -> bool:
    """Return whether `function` returns a boolean."""
    return function.returns is not None and ast.unparse(function.returns).startswith(("bool", "TypeGuard", "TypeIs"))


def is_participle(word: str) -> bool:
    """Return whether `word` is a past participle, by its ending or the list of irregular ones."""
    return word in IRREGULAR or (word.endswith("ed") and len(word) > 3 and word not in BASE_FORMS)


def read_first_word(docstring: str) -> str:
    """Return the first word of `docstring`, lower-cased, without the comma or colon behind it."""
    return docstring.split(maxsplit=1)[0].rstrip(",.:;").lower() if docstring.strip() else ""


def find_bad_docstring(node: ast.AST, docstring: str) -> str | None:
    """Return a message if the docstring of `node` begins with a wrong word, else None."""
    word = read_first_word(docstring)
    if isinstance(node, Function) and not is_value(node):
        if word in VERBS or (word == "whether" and is_predicate(node)):
            return None
        return f"begins with {word!r}, not with a verb of tests/tidy/verbs.txt"
    if word in QUESTIONS and not (word == "whether" and isinstance(node, Function) and is_predicate(node)):
        return f"begins with {word!r}, not with a noun phrase"
    return None


def check_module(path: Path) -> Iterator[str]:
    """Yield a message for each docstring and function name in the module at `path` that breaks a rule."""
    name = path.relative_to(REPOSITORY).as_posix()
    is_test_module = path.name.startswith("test_") or path.name == "conftest.py"
    for node in ast.walk(ast.parse(path.read_bytes())):
        if not isinstance(node, Function | ast.ClassDef | ast.Module):
            continue
        line = getattr(node, "lineno", 1)
        title = getattr(node, "name", "module")
        is_test = is_test_module and title.startswith("test_")
        docstring = ast.get_docstring(node)
        if docstring and not is_test and (wrong := find_bad_docstring(node, docstring)):
            yield f"{name}:{line}: docstring of {title} {wrong}"
        if isinstance(node, Function) and not is_test and not is_value(node):
            first = title.strip("_").split("_")[0]
            if is_participle(first):
                yield f"{name}:{line}: function {title} is named by the participle {first!r}"


def read_glossary() -> dict[str, tuple[str, ...]]:
    """Return the synonyms that the glossary in CONTRIBUTING.md rules out, by the term that is used instead."""
    text = (REPOSITORY / "CONTRIBUTING.md").read_text(encoding="utf-8")
    _, _, section = text.partition("## Glossary")
    rows = re.findall(r"^\| \*\*(.+?)\*\* \|.*\| (.*?) \|$", section, re.MULTILINE)
    return {term: tuple(re.findall(r'"([^"]+)"', synonyms)) for term, synonyms in rows}


def check_synonyms(path: Path, synonyms: dict[str, str]) -> Iterator[str]:
    """Yield a message for each word in the file at `path` that `synonyms` maps to the term to use instead."""
    if not synonyms:
        return
    found = re.compile(rf"\b({'|'.join(map(re.escape, sorted(synonyms, key=len, reverse=True)))})\b", re.IGNORECASE)
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        for match in found.finditer(line) if EXEMPT not in line else ():
            word = match.group(1).lower()
            yield f"{path.relative_to(REPOSITORY).as_posix()}:{number}: {word!r}, where {synonyms[word]!r} is the term"


def check(paths: list[Path]) -> Iterator[str]:
    """Yield a message for each broken rule in the Python modules and Markdown pages at or below `paths`."""
    synonyms = {synonym.lower(): term for term, ruled_out in read_glossary().items() for synonym in ruled_out}
    for start in paths:
        files = [start] if start.is_file() else sorted(start.rglob("*"))
        for file in files:
            if file.relative_to(REPOSITORY).as_posix().startswith(MEASURED):
                continue
            if file.suffix == ".py":
                yield from check_module(file)
            is_prompt = file.relative_to(REPOSITORY).as_posix().startswith(PROMPTS)
            if file.suffix in {".py", ".md"} and not is_prompt and file.name not in {"CONTRIBUTING.md", "CHANGELOG.md"}:
                yield from check_synonyms(file, synonyms)


if __name__ == "__main__":
    broken_rules = list(check([Path(argument).resolve() for argument in sys.argv[1:]]))
    sys.stdout.write("".join(f"{rule}\n" for rule in broken_rules))
    sys.exit(f"{len(broken_rules)} broken rules" if broken_rules else 0)
