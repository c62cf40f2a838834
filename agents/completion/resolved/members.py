"""Members of the receiver before the cursor, as texts that complete the line. Start at `propose_members`."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from agents.completion.resolved.arguments import choose_arguments
from agents.completion.resolved.proposals import Line, Proposal
from indexing.syntax.languages.language import Trait

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from agents.completion.cursor import Cursor
    from indexing.resolution.records import FoundDefinition, Receiver

_RECEIVER = re.compile(r"(?P<receiver>(?:[^\W\d]\w*(?:\.|::))*[^\W\d]\w*)?[)\]>]?\??(?P<mark>\.|::)(?P<word>\w*)\Z")
_NAME = re.compile(r"[^\W\d][\w$]*|\$[\w$]*")
_NEAR = 1_500  # characters before the cursor that count as near
_MOST = 4  # members that are proposed
_OWN = ("self", "cls", "super")


def propose_members(cursor: Cursor, receiver: Receiver, values: Mapping[str, str]) -> list[Proposal]:
    """Return up to `_MOST` members of `receiver` as proposals at `cursor`, those used most in the document first.

    Args:
        cursor: the cursor, right after a dot (in a path `::`) or in a member's name.
        receiver: the receiver before the dot.
        values: names that can be used at the cursor with their annotations, to fill in arguments.
    """
    found = _RECEIVER.search(cursor.before)
    line = Line(cursor)
    if found is None or not line.is_code:
        return []
    word, written = found["word"], found["receiver"] or ""
    members = [each for each in receiver.members if each.name.startswith(word) and _is_written(each.name)]
    if written.partition(".")[0] not in _OWN and not word.startswith("_"):
        members = [each for each in members if not each.name.startswith("_")] or members
    uses = _Uses(cursor, written, found["mark"])
    ordered = sorted(members, key=lambda each: (-uses.score(each.name), each.name.startswith("_")))
    total = sum(uses.score(each.name) for each in ordered)
    proposals: list[Proposal] = []
    for place, each in enumerate(ordered[:_MOST]):
        evidence = {
            "member": 1.0,
            "member_share": uses.score(each.name) / total,
            "member_others": math.log(len(ordered)),
            "member_place": float(place),
            "member_near": math.log1p(uses.count_near(each.name)),
            "member_same_receiver": math.log1p(uses.count(each.name)),
            "member_typed": math.log1p(len(word)),
            "member_starts_line": float(cursor.before.strip() == f"{written}{found['mark']}{word}"),
            "member_open": float(bool(line.close())),
        }
        proposals += _expand(each, word, line, values, evidence)
    return proposals


def _expand(
    member: FoundDefinition, word: str, line: Line, values: Mapping[str, str], evidence: dict[str, float]
) -> Iterator[Proposal]:
    """Yield the texts that complete the line with `member`: its name, or a call of it whose arguments are known."""
    rest = member.name[len(word) :]
    if member.kind == "function":
        arguments = choose_arguments(member.parameters, values)
        if arguments is not None:
            kind = {"member_call": 1.0, "member_arguments": float(arguments.count(",") + bool(arguments))}
            yield Proposal(f"{rest}({arguments}){line.finish()}", evidence | kind)
            return
        if Trait.METHODS_ARE_CALLED in line.cursor.document.entry.traits:
            yield Proposal(f"{rest}(", evidence | {"member_function": 1.0}, beginning=True)
            return
    if member.kind == "class" or not rest:
        return
    is_statement = (
        Trait.METHODS_ARE_CALLED not in line.cursor.document.entry.traits or not evidence["member_starts_line"]
    )
    evidence |= {"member_function": float(member.kind == "function")}
    yield Proposal(rest + line.finish(), evidence) if is_statement else Proposal(rest, evidence, beginning=True)


def lacks_member(cursor: Cursor, members: Sequence[str], text: str) -> bool:
    """Return whether `text` at `cursor` begins with a member that is not one of `members`, without assigning it."""
    found = _RECEIVER.search(cursor.before)
    if found is None:
        return False
    used = re.match(r"(?P<name>\w*)(?P<assigned>\s*(?::[^=\n]*)?=(?!=))?", text)
    name = found["word"] + (used["name"] if used is not None else "")
    assigned = used is not None and used["assigned"] is not None
    return bool(name) and not _is_special(name) and not assigned and name not in members


def _is_written(name: str) -> bool:
    """Return whether `name` can follow a dot, and has no meaning of its own."""
    return _NAME.fullmatch(name) is not None and not _is_special(name)


def _is_special(name: str) -> bool:
    """Return whether `name` has a meaning of its own (`__init__`)."""
    return name.startswith("__") and name.endswith("__")


class _Uses:
    """Counts of the uses of members around a cursor, on the same receiver and on others."""

    def __init__(self, cursor: Cursor, receiver: str, mark: str) -> None:
        self._text = cursor.prefix[: len(cursor.prefix) - len(cursor.word)] + cursor.suffix
        self._near = self._text[max(0, len(cursor.prefix) - _NEAR) : len(cursor.prefix)]
        self._receiver = receiver
        self._mark = mark
        self._counts: dict[str, tuple[int, int, int]] = {}

    def _find(self, name: str) -> tuple[int, int, int]:
        """Return the uses on the same receiver near the cursor and in the file, and those on any receiver."""
        if name not in self._counts:
            member = f"{self._mark}{name}"
            any_receiver = re.compile(rf"{re.escape(member)}\b")
            same = re.compile(rf"(?<![\w.]){re.escape(f'{self._receiver}{member}')}\b")
            everywhere = len(any_receiver.findall(self._text)) if member in self._text else 0
            of_same = len(same.findall(self._text)) if everywhere and self._receiver else 0
            near = len(same.findall(self._near)) if of_same else 0
            self._counts[name] = near, of_same, everywhere
        return self._counts[name]

    def count(self, name: str) -> int:
        """Return the number of uses on the same receiver."""
        return self._find(name)[1]

    def count_near(self, name: str) -> int:
        """Return the number of uses on the same receiver near the cursor."""
        return self._find(name)[0]

    def score(self, name: str) -> float:
        """Return a number above 0 that is greater for likelier members."""
        near, same, everywhere = self._find(name)
        return 0.1 + math.log1p(everywhere) + 2 * math.log1p(same) + math.log1p(near)
