"""How likely the next line calls each candidate: features of the candidate and of the text around the cursor.

The weights are fitted by `python -m tests.eval.fit_retrieval` on the dev packages. Start at `measure`.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from indexing.resolution.candidates import RawCandidate
    from indexing.resolution.names import DocumentNames

_WORD = re.compile(r"[^\W\d]\w*")
_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
NEAR_LINES = 15
MOST_TEXT = 80_000

FEATURES = (
    "import", "module", "own class", "receiver", "class",
    "is_class", "exception", "dunder", "private",
    "called_before", "read_before", "called_after", "read_after", "unused", "unused_anywhere",
    "near_use", "far_use", "near_after", "in_scope", "in_near",
    "receiver_near", "receiver_far", "receiver_self", "siblings", "several",
    "popular", "popular_zero", "parts", "parts_scope", "same_as_scope", "same_name_super",
    "previous", "previous_two", "fits", "no_parameters", "raise_near", "annotation_only", "decorator", "top_level",
    "same_module", "rank_similar", "upper",
)  # fmt: skip


def split_parts(name: str) -> set[str]:
    """Return the lower-case words that an identifier is made of."""
    return {part.lower() for part in _PARTS.findall(name) if len(part) > 1}


class Around:
    """What the text around the cursor says about names, counted once for all candidates."""

    def __init__(self, names: DocumentNames, after: str) -> None:
        text = names.text[max(0, names.line_start - MOST_TEXT) : names.line_start]
        self.lines = text.count("\n")
        self.called: dict[str, list[int]] = {}
        self.read: dict[str, list[int]] = {}
        self.noted: dict[str, int] = {}
        self._count(text, self.called, self.read)
        self.called_after: dict[str, list[int]] = {}
        self.read_after: dict[str, list[int]] = {}
        self._count(after[:MOST_TEXT], self.called_after, self.read_after)
        near = text.rsplit("\n", NEAR_LINES + 1)[1:]
        self.near_words = _WORD.findall("\n".join(near))
        self.near_parts: set[str] = set()
        for word in self.near_words:
            self.near_parts |= split_parts(word)
        table, scope = names.source.table, names.scope
        self.scope_name, self.scope_first, self.scope_parts = "", self.lines, set()
        local: set[str] = set()
        if scope >= 0:
            around = table.definitions[scope]
            self.scope_name = around.name
            self.scope_first = self.lines - names.source_text_before().count("\n", around.span.start)
            self.scope_parts = split_parts(around.name)
            if around.parent >= 0:
                self.scope_parts |= split_parts(table.definitions[around.parent].name)
            local = set(table.members.get(scope, {})) | {each.name for each in around.parameters}
        self.local = local | {word for word in self.near_words}
        calls = sorted((line, name) for name, lines in self.called.items() for line in lines)
        self.last_calls = [name for line, name in calls if line >= self.lines - 6][-3:]
        self.next_to: dict[str, float] = {}
        self.next_two: dict[str, float] = {}
        wanted = set(self.last_calls)
        for number, (line, name) in enumerate(calls):
            if name in wanted and line < self.lines - 6:
                weight = 2.0 if name == self.last_calls[-1] else 1.0
                for later_line, later in calls[number + 1 : number + 8]:
                    if later_line - line > 5:
                        break
                    target = self.next_to if later_line - line <= 2 else self.next_two
                    target[later] = target.get(later, 0.0) + weight
        self.raising = any(each.lstrip().startswith(("if ", "except", "else")) for each in near[-2:])
        self.column = names.offset - names.line_start

    def _count(self, text: str, called: dict[str, list[int]], read: dict[str, list[int]]) -> None:
        for number, line in enumerate(text.split("\n")):
            stripped = line.lstrip()
            if stripped.startswith(("#", "import ", "from ")):
                continue
            for found in _WORD.finditer(line):
                following = line[found.end() : found.end() + 1]
                (called if following == "(" else read).setdefault(found[0], []).append(number)


def measure(
    candidate: RawCandidate, around: Around, names: DocumentNames, popularity: Callable[[str], int],
    similar: dict[str, float],
) -> list[float]:  # fmt: skip
    """Return the features of a candidate, in the order of `FEATURES`."""
    definition, name = candidate.reference.definition, candidate.name.rpartition(".")[2]
    called, read = around.called.get(name, ()), around.read.get(name, ())
    called_after, read_after = around.called_after.get(name, ()), around.read_after.get(name, ())
    last = max((called[-1] if called else -10_000), (read[-1] if read else -10_000))
    distance = around.lines - last
    after_first = min((called_after[0] if called_after else 10_000), (read_after[0] if read_after else 10_000))
    receiver = candidate.receiver
    base = receiver.rpartition(".")[2] or receiver
    uses = [*around.called.get(base, ())[-1:], *around.read.get(base, ())[-1:]]
    receiver_distance = around.lines - max(uses) if uses and receiver else 10_000
    parts = split_parts(name)
    overlap = len(parts & around.near_parts) / (len(parts) or 1)
    required = [each for each in names.list_parameters(candidate.reference) if each.is_required]
    fits = sum(each.name in around.local for each in required) / len(required) if required else 0.0
    is_class = definition.kind == "class"
    dunder = name.startswith("__") and name.endswith("__")
    popular = popularity(name)
    values = {
        "is_class": is_class,
        "exception": is_class and name.endswith(("Error", "Exception", "Warning")),
        "dunder": dunder,
        "private": name.startswith("_") and not dunder,
        "called_before": math.log1p(len(called)),
        "read_before": math.log1p(len(read)),
        "called_after": math.log1p(len(called_after)),
        "read_after": math.log1p(len(read_after)),
        "unused": not called and not read,
        "unused_anywhere": not (called or read or called_after or read_after) and candidate.way == "import",
        "near_use": math.exp(-distance / 6),
        "far_use": math.exp(-distance / 60),
        "near_after": math.exp(-after_first / 6),
        "in_scope": any(line >= around.scope_first for line in called),
        "in_near": math.log1p(around.near_words.count(name)),
        "receiver_near": math.exp(-receiver_distance / 3),
        "receiver_far": math.exp(-receiver_distance / 40),
        "receiver_self": receiver in {"self", "cls"},
        "siblings": math.log1p(candidate.siblings),
        "several": math.log1p(len(candidate.others)),
        "popular": math.log1p(popular),
        "popular_zero": popular <= 1,
        "parts": overlap,
        "parts_scope": len(parts & around.scope_parts) / (len(parts) or 1),
        "same_as_scope": name == around.scope_name,
        "same_name_super": name == around.scope_name and receiver == "self",
        "previous": math.log1p(around.next_to.get(name, 0.0)),
        "previous_two": math.log1p(around.next_two.get(name, 0.0)),
        "fits": fits,
        "no_parameters": not required,
        "raise_near": around.raising and is_class and name.endswith(("Error", "Exception")),
        "annotation_only": is_class and bool(read) and not called,
        "decorator": names.source.rules.is_property(definition.decorators),
        "top_level": around.column == 0 and candidate.way == "import",
        "same_module": candidate.reference.source.relative.rpartition("/")[0] == names.source.relative.rpartition("/")[0],
        "rank_similar": similar.get(name, 0.0),
        "upper": name[:1].isupper(),
        candidate.way: 1.0,
    }  # fmt: skip
    return [float(values.get(feature, 0.0)) for feature in FEATURES]


def score(features: Sequence[float], weights: Sequence[float]) -> float:
    """Return the score of a candidate."""
    return sum(one * other for one, other in zip(features, weights, strict=True))
