"""A rename of one name in the whole workspace, made by the program; the model only says which name becomes which.

Renamed are identifiers, and strings that consist of the name alone; comments and longer strings stay. A name with
several definitions is renamed only where the request says which ones. Start at `rename`.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from agents.team.led.locating import find_files, is_code, list_names
from agents.team.led.replacing import make_replacements
from indexing.syntax import languages
from indexing.syntax.documents import Document
from indexing.syntax.syntax import Syntax
from indexing.syntax.texts import ByteLines
from models.chat import ToolSpec

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from agents.team.events import TurnEnded
    from agents.team.led.led_turn import LedTurn
    from agents.team.tool import Workbench

MOST_FILES = 100
"""Files that one rename changes at most."""

MOST_SHOWN = 5
RENAME = ToolSpec(
    "rename_everywhere",
    "Give a function, class or variable another name, in all places where it is used.",
    {
        "type": "object",
        "properties": {
            "old_name": {"type": "string", "description": "The name as it is now."},
            "new_name": {"type": "string", "description": "The name that the user wants."},
        },
        "required": ["old_name", "new_name"],
        "additionalProperties": False,
    },
)
WHY = "Rename {old} to {new}."

_IDENTIFIER = re.compile(r"[^\W\d]\w*")


@dataclass(slots=True)
class RenamePlan:
    """The files that a rename changes.

    Attributes:
        before: the text of each.
        after: its text with the new name.
        defined: files that define the name, each with the qualified names of its definitions.
        taken: files in which the new name occurs already.
    """

    before: dict[Path, str] = field(default_factory=dict)
    after: dict[Path, str] = field(default_factory=dict)
    defined: dict[Path, tuple[str, ...]] = field(default_factory=dict)
    taken: list[Path] = field(default_factory=list)


async def rename(turn: LedTurn, request: str, arguments: Mapping[str, object]) -> TurnEnded | None:
    """Rename an identifier in all files, and check the changed files.

    The names are those in `arguments`, of a call of `RENAME`, or else those in `request`. If the rename is not clear or
    not possible, changes nothing and says why. Stops at an edit that fails, and says what was changed until then.

    Returns:
        How the turn ended; None if there are no two names, or no file has the old one.
    """
    names = choose_names(request, arguments)
    if names is None:
        return None
    old, new = names
    plan, files = await asyncio.to_thread(lambda: (plan_rename(old, new, turn.bench), find_files(request, turn.bench)))
    if not plan.before:
        return None
    if problem := _find_problem(plan, old, new, files, turn.bench):
        return await turn.say(problem)
    done: dict[Path, str] = {}
    for path, before in plan.before.items():
        replacements = make_replacements(before, plan.after[path])
        result = await turn.call(
            "edit_file", path=turn.bench.display(path), replacements=replacements, why=WHY.format(old=old, new=new)
        )
        if result.failed:
            left = f" Changed until then: {_format_paths(done, turn.bench)}." if done else ""
            return await turn.say(f"{result.text}{left}")
        done[path] = before
    health = await turn.checker.check(done)
    return await turn.say(f"Renamed {old} to {new} in {_format_paths(done, turn.bench)}. {health.describe()}")


def choose_names(request: str, arguments: Mapping[str, object]) -> tuple[str, str] | None:
    """Return the old and the new name: those of `arguments`, if `request` has both; else its only two names of code.

    None if there are not exactly two.
    """
    given = [str(arguments.get(key, "")).strip("`() ") for key in ("old_name", "new_name")]
    old, new = (re.split(r"\.|::|#", one)[-1] for one in given)
    said = list_names(request)
    if old != new and old in said and new in said and _IDENTIFIER.fullmatch(old) and _IDENTIFIER.fullmatch(new):
        return old, new
    named = [name for name, words in said.items() if any("`" in word or is_code(word) for word in words)]
    return (named[0], named[1]) if len(named) == 2 else None


def plan_rename(old: str, new: str, bench: Workbench) -> RenamePlan:
    """Return the changes that rename `old` to `new` in all files of code that can be parsed. Blocking.

    Stops at one file more than `MOST_FILES`.
    """
    plan = RenamePlan()
    word = re.compile(rf"(?<!\w){re.escape(old)}(?!\w)")
    for path in bench.list_files():
        text = bench.read(path) or ""
        if not word.search(text):
            continue
        document = Document(path.as_uri(), path, languages.detect(path, text), text)
        if document.entry.is_prose:
            continue
        syntax = Syntax.of(document)
        at = find_occurrences(syntax, old)
        if not at:
            continue
        plan.before[path] = text
        plan.after[path] = _replace_at(text, at, len(old), new)
        defined = [f"{one.container}.{one.name}".lstrip(".") for one in syntax.symbols if one.name == old]
        if defined:
            plan.defined[path] = tuple(dict.fromkeys(defined))
        if find_occurrences(syntax, new):
            plan.taken.append(path)
        if len(plan.before) > MOST_FILES:
            break
    return plan


def find_occurrences(syntax: Syntax, name: str) -> list[int]:
    """Return the offsets of the identifiers `name`, and of the strings that hold nothing else, in order.

    [] where the file cannot be parsed.
    """
    parsed = syntax.parsed
    if parsed is None:
        return []
    offsets, wanted = ByteLines(syntax.text, parsed.data), name.encode()
    found: list[int] = []
    waiting = [parsed.tree.root_node]
    while waiting:
        node = waiting.pop()
        if node.child_count:
            waiting.extend(reversed(node.children))
        elif parsed.data[node.start_byte : node.end_byte] == wanted:
            found.append(offsets.to_code_point(node.start_byte))
    return found


def _replace_at(text: str, offsets: list[int], length: int, new: str) -> str:
    """Return `text` with the `length` characters at each of `offsets` replaced by `new`."""
    for at in reversed(offsets):
        text = text[:at] + new + text[at + length :]
    return text


def _find_problem(plan: RenamePlan, old: str, new: str, files: frozenset[Path], bench: Workbench) -> str:
    """Return why the rename cannot be made by the name alone, a sentence for a person; "" if it can.

    `files` are those that the request names: these may define the name side by side.
    """
    if len(plan.before) > MOST_FILES:
        return f"{old} is used in more than {MOST_FILES} files, too many for one request; rename it with your editor."
    if plan.taken:
        return f"{new} is a name in {_format_paths(plan.taken, bench)} already; choose another one."
    containers = {one for names in plan.defined.values() for one in names}
    apart = len(plan.defined) > 1 and not files.issuperset(plan.defined)
    if apart or (len(containers) > 1 and any(len(names) > 1 for names in plan.defined.values())):
        places = "; ".join(
            f"{', '.join(names)} in {bench.display(path)}" for path, names in list(plan.defined.items())[:MOST_SHOWN]
        )
        return f"{old} is defined more than once ({places}), so it was not renamed; use your editor's rename there."
    return ""


def _format_paths(paths: dict[Path, str] | list[Path], bench: Workbench) -> str:
    """Return the names of files for a person, of many the first ones and the number of the others."""
    shown = [bench.display(path) for path in list(paths)[:MOST_SHOWN]]
    more = len(paths) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")
