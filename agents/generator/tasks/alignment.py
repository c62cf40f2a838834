"""A chat model's answer aligned with the document by syntax: what of it is taken, and where that goes.

Small models answer with a whole function, its class, or the whole file, whatever they are asked for. Definitions are
matched by qualified name and kind. Of those that the model has seen in full the changed ones are taken; what is equal
stays byte for byte, what a placeholder stands for is filled in, new helpers are put beside what uses them, and imports
where imports stand. Knows no model. Start at `aligned`.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from agents.generator.cursor import Cursor
from agents.generator.tasks import extraction, importing, placeholders, reindenting, restoring
from agents.generator.tasks.definitions import children, definitions_of, matched, outermost, tokens_of, within
from agents.generator.tasks.proposals import unchanged
from agents.records import Edit, edited
from indexing.records import Span
from indexing.syntax import Syntax

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from agents.generator.tasks.definitions import Definition
    from indexing.records import Document

_WORD = re.compile(r"[^\W\d]\w*")
_LONGEST_DIFF = 4000  # lines that are compared one by one


@dataclass(frozen=True, slots=True)
class Target:
    """What is to be written anew.

    Attributes:
        document: the text.
        syntax: of it.
        span: whole lines.
        seen: what of the document the model was shown in full, the span left out.
        words: what the person asked for; a definition that it names may go.
    """

    document: Document
    syntax: Syntax
    span: Span
    seen: tuple[Span, ...] = ()
    words: str = ""

    @property
    def text(self) -> str:
        """The lines."""
        return self.document.text[self.span.start : self.span.end]


@dataclass(frozen=True, slots=True)
class Aligned:
    """What an answer comes to.

    Attributes:
        edits: of the document, in order; empty where nothing is changed.
        complaint: what is wrong with the answer, for the model, "" for nothing.
        notes: what a person should know of it, a sentence each.
    """

    edits: tuple[Edit, ...] = ()
    complaint: str = ""
    notes: tuple[str, ...] = ()


class _Lost(Exception):
    """A placeholder stands for code that is not known."""


def aligned(code: str, target: Target) -> Aligned | None:
    """Return what an answer changes; None where it defines nothing that the document has, so that it is lines alone."""
    code = _flush(code)
    for syntax in _read(code, target):
        try:
            found = _Aligning(syntax, target).run()
        except _Lost as lost:
            return Aligned(complaint=f"`{lost}` stands for code that would be lost; write out all of it.")
        if found is not None:
            return found
    return None


def line_edits(old: str, new: str) -> tuple[Edit, ...]:
    """Return the edits of whole lines that make `new` of `old`, equal lines left out."""
    same, tail = unchanged(old, new)
    start = old.rfind("\n", 0, same) + 1
    tail = min(tail, len(old) - start, len(new) - start)
    end = len(old) - tail
    if tail and end and old[end - 1] != "\n":
        newline = old.find("\n", end)
        end = len(old) if newline < 0 else newline + 1
    tail = len(old) - end
    before, after = old[start:end].splitlines(keepends=True), new[start : len(new) - tail].splitlines(keepends=True)
    if len(before) + len(after) > _LONGEST_DIFF:
        return (Edit(start, end, "".join(after)),) if before != after else ()
    places = [start]
    for line in before:
        places.append(places[-1] + len(line))
    blocks = difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes()
    return tuple(Edit(places[a], places[b], "".join(after[c:d])) for kind, a, b, c, d in blocks if kind != "equal")


def _flush(code: str) -> str:
    """Code with its first column at the margin."""
    lines = code.expandtabs(4).split("\n") if re.search(r"^ +\t|^\t+ {2,}\S", code, re.MULTILINE) else code.split("\n")
    leads = [extraction.depth_of(line) for line in lines if line.strip()]
    least = min(leads, key=len, default="")
    if least and all(lead.startswith(least) for lead in leads):
        lines = [line.removeprefix(least) for line in lines]
    return "\n".join(lines)


def _read(code: str, target: Target) -> Iterable[Syntax]:
    """The answer as a text of its own; then, for grammars that know no method without its class, in its place."""
    yield Syntax.of(replace(target.document, text=code))
    around = next((one for one in _holders(target)), None)
    if around is not None:
        head = target.document.text[around.span.start : target.document.text.find("\n", around.span.start) + 1]
        tail = target.document.text[around.span.start : around.span.end].rpartition("\n")[2]
        inner = "\n".join(f"    {line}" if line.strip() else line for line in code.split("\n"))
        if tail.strip().startswith(("}", "end")):
            yield Syntax.of(replace(target.document, text=f"{head.strip()}\n{inner}\n{tail.strip()}\n"))


def _holders(target: Target) -> list[Definition]:
    """The classes around the target, innermost first."""
    around = (one for one in definitions_of(target.syntax) if one.sort == "type" and _around(one.span, target.span))
    return sorted(around, key=lambda one: one.span.end - one.span.start)


def _around(outer: Span, inner: Span) -> bool:
    return outer.start <= inner.start and inner.end <= outer.end and outer != inner


@dataclass
class _Aligning:
    """One answer on its way into the document."""

    answer: Syntax
    target: Target
    edits: list[Edit] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.code, self.text = self.answer.text, self.target.document.text
        self.new, self.old = definitions_of(self.answer), definitions_of(self.target.syntax)
        self.unit = reindenting.unit_at(
            self.target.text,
            self.text[: self.target.span.start],
            self.text[self.target.span.end :],
            Cursor.at(self.target.document, self.target.span.start).unit,
        )

    def run(self) -> Aligned | None:
        """Return what comes of it; None where the answer has none of what is to be written."""
        whole = not self.text[: self.target.span.start].strip() and not self.text[self.target.span.end :].strip()
        if whole and self.old and self.new:
            self._scope(None, None)
        elif not self.target.text.strip() and any(self._is_it(new, old) for new in self.new for old in self.old):
            self._fill()
        else:
            pairs = self._pairs()
            if not pairs:
                return None
            for new, old in pairs:
                self._replace(new, old)
            self._beside(pairs)
            if not self.edits and (left := placeholders.first_of(self.code.splitlines(), self.text)):
                raise _Lost(left)
        self._import()
        text = edited(self.text, tuple(_in_order(self.edits)))
        if "\r\n" in self.text:
            text = re.sub(r"(?<!\r)\n", "\r\n", text)
        return Aligned(line_edits(self.text, text), notes=tuple(self.notes))

    def _fill(self) -> None:
        """Put what is new of an answer that repeats what stands around into the empty place that was asked about."""
        at = self.target.span.start
        around = [one for one in self.old if one.span.start <= at <= one.span.end]
        known = [new for new in self.new if any(self._is_it(new, old) for old in self.old)]
        fresh = outermost([one for one in self.new if one not in known and not any(one.holds(each) for each in known)])
        fresh = tuple(one for one in fresh if not any(new.holds(one) and new.sort == "function" for new in known))
        inner = next((one for one in reversed(around) if one.sort == "type"), None)
        beside = next((one for one in self.old if inner is None or inner.holds(one)), None)
        depth = extraction.depth_of(beside.lines(self.text)[0]) if beside is not None else ""
        pieces = [
            "\n".join(
                [
                    *(depth + line.strip() for line in self.code[one.lead : one.span.start].splitlines()),
                    *self._indented(one.lines(self.code), "", depth),
                ]
            )
            for one in fresh
        ]
        blank = self._blank_lines(fresh[0], beside) if fresh and beside is not None else 1
        above, below = self.text[:at], self.text[self.target.span.end :]
        missing = [
            max(0, blank - (space.count("\n") - 1)) if text.strip() else 0
            for text, space in ((above, above[len(above.rstrip()) :]), (below, below[: len(below) - len(below.lstrip())]))
        ]
        if pieces:
            written = "\n" * missing[0] + ("\n" * (blank + 1)).join(pieces) + "\n" * missing[1]
            self.edits.append(Edit(at, self.target.span.end, written))

    # which is which

    def _pairs(self) -> list[tuple[Definition, Definition]]:
        """Each definition that is to be written, with what the answer has for it."""
        wanted = outermost([one for one in within(self.old, self.target.span) if one.sort != "value"])
        if not wanted:
            around = [one for one in self.old if _around(one.span, self.target.span) and one.sort == "function"]
            wanted = outermost(around)
            if not wanted or not any(self._is_it(new, wanted[0]) for new in self.new):
                return []
        found: list[tuple[Definition, Definition]] = []
        for old in wanted:
            same = [one for one in self.new if self._is_it(one, old) and all(one is not new for new, _ in found)]
            if same:
                found.append((max(same, key=lambda one: self._closeness(one, old)), old))
        if not found and len(wanted) == 1 and (renamed := self._renamed(wanted[0])) is not None:
            found.append((renamed, wanted[0]))
        return found

    def _is_it(self, new: Definition, old: Definition) -> bool:
        """Whether a definition of the answer may be that one: its name, in the same class or in none."""
        same = new.name == old.name and new.sort == old.sort
        return same and old.path[len(old.path) - len(new.path) :] == new.path

    def _closeness(self, new: Definition, old: Definition) -> tuple[int, float]:
        head = difflib.SequenceMatcher(None, new.signature, old.signature, autojunk=False).ratio()
        return len(new.path), head

    def _renamed(self, old: Definition) -> Definition | None:
        """The one definition of the answer that can only be the wanted one by another name."""
        known = {one.name for one in self.old}
        strange = [one for one in self.new if one.sort == old.sort and one.name not in known]
        return strange[0] if len(strange) == 1 and old.name in _WORD.findall(self.target.words) else None

    # what is changed

    def _replace(self, new: Definition, old: Definition) -> bool:
        """Put a definition of the answer in the place of the document's; return whether that changes anything."""
        before = len(self.edits)
        inner = children(new, self.new), children(old, self.old)
        if old.sort == "type" and inner[0] and inner[1]:
            self._scope(new, old)
            return len(self.edits) > before
        held = old.lines(self.text)
        lines = self._fitted(new, old, held)
        lead = self._lead(new, held[0])
        start = old.span.start
        if lead:
            start = old.lead
            held = self.text[old.lead : old.span.end].splitlines()
            lines = [*lead, *lines]
        if [line.rstrip() for line in lines] != [line.rstrip() for line in held]:
            self.edits.append(Edit(start, old.span.end, "\n".join(_as_held(lines, held))))
        return len(self.edits) > before

    def _fitted(self, new: Definition, old: Definition, held: Sequence[str]) -> list[str]:
        """A definition of the answer as it stands in the place of the old one."""
        lines = restoring.restored(new.lines(self.code), held, self.target.document.language, self.target.words)
        lines = self._indented(lines, "\n".join(held), extraction.depth_of(held[0]))
        whole = placeholders.filled(lines, "\n".join(held))
        if whole is None:
            raise _Lost(placeholders.first_of(lines, "\n".join(held)))
        return whole

    def _indented(self, lines: Sequence[str], piece: str, depth: str) -> list[str]:
        return reindenting.reindented(lines, self.target.document, piece=piece, indentation=depth, unit=self.unit)

    def _lead(self, new: Definition, first: str) -> list[str]:
        """The comments above a definition of the answer, at the depth of its place."""
        said = self.code[new.lead : new.span.start].splitlines()
        depth = extraction.depth_of(first)
        made = [depth + (" " if line.lstrip().startswith("*") else "") + line.strip() for line in said]
        above = self.text[: self.target.span.start].splitlines()[-len(made) :] if made else []
        return [] if [line.strip() for line in above] == [line.strip() for line in made] else made

    def _scope(self, new: Definition | None, old: Definition | None) -> None:
        """What a class or a file holds, one by one; what the answer leaves out stays, unless the person named it."""
        news, olds = children(new, self.new), children(old, self.old)
        found = matched(news, olds, (self.code, self.text))
        elided = self._elides(new, news)
        missing = [one for place, one in enumerate(olds) if place not in found.values()]
        complete = not elided and not missing
        if new is not None and old is not None:
            self._head(new, old, news[0], olds[0], complete=not elided)
        for at, place in found.items():
            self._replace(news[at], olds[place])
        named = set(_WORD.findall(self.target.words))
        for one in missing:
            if one.name in named and not elided:
                self.edits.append(Edit(one.lead, _next_line(self.text, one.span.end, blank=True), ""))
            elif not elided:
                self.notes.append(f"The model left out `{one.name}`, which stays.")
        taken = {at for at in range(len(news)) if at in found}
        for at, one in enumerate(news):
            if at not in taken and (one.sort != "value" or new is not None or self._is_used(one)):
                self._insert(one, *self._neighbours(at, news, olds, found))
        if complete:
            self._gaps(news, olds, found)

    def _neighbours(
        self, at: int, news: Sequence[Definition], olds: Sequence[Definition], found: dict[int, int]
    ) -> tuple[Definition | None, Definition | None]:
        """The definition of the document behind which a new one goes, else the one above which it goes."""
        above = next((i for i in range(at - 1, -1, -1) if i in found), None)
        below = next((i for i in range(at + 1, len(news)) if i in found), None)
        behind = olds[found[below]] if below is not None else None
        start = news[above].span.end if above is not None else 0
        between = self.code[start : news[at].span.start].splitlines()
        if any(placeholders.is_placeholder(line) for line in between):  # what it stands for is between the two
            return (None, behind) if behind is not None else (olds[-1], None)
        return (olds[found[above]], None) if above is not None else (None, behind)

    def _elides(self, new: Definition | None, news: Sequence[Definition]) -> bool:
        """Whether placeholders stand between the definitions of a class or a file of the answer."""
        span = new.span if new is not None else Span(0, len(self.code))
        at, parts = span.start, []
        for one in news:
            parts.append(self.code[at : one.span.start])
            at = one.span.end
        lines = [line for part in (*parts, self.code[at : span.end]) for line in part.splitlines()]
        known = {line.strip() for line in self.text.splitlines()}
        return any(placeholders.is_placeholder(line) and line.strip() not in known for line in lines)

    def _head(
        self, new: Definition, old: Definition, first_new: Definition, first_old: Definition, *, complete: bool
    ) -> None:
        """The head of a class: its own lines, and its docstring where the answer gives one."""
        held = self.text[old.span.start : first_old.lead].rstrip().splitlines()
        said = self.code[new.span.start : first_new.lead].rstrip().splitlines()
        said = [line for line in said if not placeholders.is_placeholder(line)]
        if not said or not held:
            return
        depth = extraction.depth_of(held[0])
        lines = self._indented(said, "\n".join(held), depth)
        if len(lines) < len(held) and lines[0].rstrip() == held[0].rstrip():
            return
        if len(lines) == 1 or not complete:
            lines = [lines[0], *held[1:]] if held[0].rstrip().endswith((":", "{")) else held
        if [line.rstrip() for line in lines] != [line.rstrip() for line in held]:
            end = old.span.start + len(self.text[old.span.start : first_old.lead].rstrip())
            self.edits.append(Edit(old.span.start, end, "\n".join(_as_held(lines, held))))

    def _gaps(self, news: Sequence[Definition], olds: Sequence[Definition], found: dict[int, int]) -> None:
        """Statements between the definitions, where the answer has all of them, and behind the last one."""
        for at, one in enumerate(news):
            if at not in found or self.target.document.language == "text":
                continue
            old = olds[found[at]]
            following = news[at + 1] if at + 1 < len(news) else None
            if following is not None and found.get(at + 1) != found[at] + 1:
                continue
            after = olds[found[at] + 1] if following is not None else None
            if (following is None) != (found[at] + 1 >= len(olds)):
                continue
            said = self._gap(self.code, one, following, len(self.code))
            held = self._gap(self.text, old, after, len(self.text))
            if said.strip() and held.strip() and said.split() != held.split() and following is None and not old.path[1:]:
                start = old.span.end + len(held) - len(held.lstrip())
                written = "\n".join(line.rstrip() for line in said.strip("\n").splitlines())
                self.edits.append(Edit(start, old.span.end + len(held.rstrip()), written))

    @staticmethod
    def _gap(text: str, one: Definition, following: Definition | None, end: int) -> str:
        return text[one.span.end : following.lead if following is not None else end]

    # what is new

    def _beside(self, pairs: Sequence[tuple[Definition, Definition]]) -> None:
        """Take what the answer defines besides: changes of what the model has seen, and what is new and used."""
        done = [new for new, _ in pairs]
        rest = [
            one
            for one in outermost([each for each in self.new if not any(each.holds(new) for new in done)])
            if one not in done and not any(new.holds(one) for new in done)
        ]
        changed = bool(self.edits)
        fresh: list[Definition] = []
        for one in rest:
            known = [old for old in self.old if self._is_it(one, old)]
            if not known:
                fresh.append(one)
            elif len(known) == 1 and self._may_change(known[0], pairs) and not self._is_same(one, known[0]):
                self._replace(one, known[0])
        for one in self._wanted(fresh, changed=changed):
            self._settle(one, *pairs[0])

    def _is_same(self, new: Definition, old: Definition) -> bool:
        """Whether two definitions differ in nothing but white space and comments."""
        return tokens_of(self.answer, new.span) == tokens_of(self.target.syntax, old.span)

    def _may_change(self, old: Definition, pairs: Sequence[tuple[Definition, Definition]]) -> bool:
        """Whether the model has seen all of a definition, and it has to do with what was asked about."""
        seen = any(span.start <= old.span.start and old.span.end <= span.end for span in self.target.seen)
        words = set(_WORD.findall(self.text[old.span.start : old.span.end]))
        return seen and old.sort == "function" and any(
            one.name in words or old.name in _WORD.findall(self.text[one.span.start : one.span.end]) for _, one in pairs
        )  # fmt: skip

    def _wanted(self, fresh: Sequence[Definition], *, changed: bool) -> list[Definition]:
        """Those of the new definitions that something uses, or that the person named; all where they are the answer."""
        if not changed:
            return [one for one in fresh if one.sort != "value"]
        used = set(_WORD.findall(self.target.words)) | self._written()
        taken = [one for one in fresh if len(one.path) > 1]  # a class that the answer repeats gets its new member
        while more := [one for one in fresh if one not in taken and one.name in used]:
            taken += more
            used |= {word for one in more for word in _WORD.findall(self.code[one.span.start : one.span.end])}
        return [one for one in fresh if one in taken]

    def _settle(self, one: Definition, new: Definition, old: Definition) -> None:
        """Put a new definition beside the one that was asked about: into its class, or beside the class."""
        above = one.span.start < new.span.start
        if len(one.path) > 1 or len(old.path) == 1 or self._is_method(one):
            before, behind = (None, old) if above else (old, None)
            self._insert(one, before, behind)
        else:
            holder = next((each for each in outermost(self.old) if each.holds(old)), old)
            self._insert(one, None, holder)

    def _is_method(self, one: Definition) -> bool:
        """Whether a function that stands in no class in the answer is called as a method."""
        called = re.search(rf"(?:\.|->|::)\s*{re.escape(one.name)}\b", self.code)
        receives = re.search(r"\(\s*(?:self|cls|&self|&mut self)\b", one.signature)
        return one.sort == "function" and (
            bool(called) or bool(receives) or self.target.document.language in {"java", "csharp", "kotlin", "swift"}
        )

    def _is_used(self, one: Definition) -> bool:
        return one.name in self._written()

    def _written(self) -> set[str]:
        return {word for edit in self.edits for word in _WORD.findall(edit.text)}

    def _insert(
        self,
        one: Definition,
        before: Definition | None,
        behind: Definition | None,
    ) -> None:
        """Write a new definition behind one of the document, or above one, at its depth."""
        place = before or behind
        if place is None:
            return
        depth = extraction.depth_of(self.text[place.span.start : place.span.end].split("\n", 1)[0])
        lines = self._indented(one.lines(self.code), "", depth)
        if placeholders.first_of(lines, self.text):
            raise _Lost(placeholders.first_of(lines, self.text))
        lead = self.code[one.lead : one.span.start].splitlines()
        lines = [*(depth + line.strip() for line in lead), *lines]
        apart = "\n" * self._blank_lines(one, place)
        if before is not None:
            at = _next_line(self.text, before.span.end, blank=False)
            start = "" if at and self.text[at - 1 : at] == "\n" else "\n"
            self.edits.append(Edit(at, at, start + apart + "\n".join(lines) + "\n"))
        else:
            self.edits.append(Edit(place.lead, place.lead, "\n".join(lines) + "\n" + apart))

    def _blank_lines(self, one: Definition, place: Definition) -> int:
        """How many blank lines stand between definitions here."""
        if one.sort == "value":
            return 0 if place.sort == "value" else 1
        siblings = [each for each in self.old if each.path[:-1] == place.path[:-1] and each.sort == place.sort]
        gaps = [
            gap.count("\n") - 1
            for first, second in zip(siblings, siblings[1:], strict=False)
            if not (gap := self.text[first.span.end : second.lead]).strip()
        ]
        usual = 2 if self.target.document.language == "python" and len(place.path) == 1 else 1
        return max(0, min(2, max(set(gaps), key=gaps.count))) if gaps else usual

    def _import(self) -> None:
        language = self.target.document.language
        more = importing.import_edits(self.answer, self.target.syntax, self._written(), language=language)
        held = {(edit.start, edit.end) for edit in self.edits}
        self.edits += [edit for edit in more if (edit.start, edit.end) not in held or edit.start == edit.end]


def _in_order(edits: Iterable[Edit]) -> list[Edit]:
    """Edits by place, without those that lie in one before."""
    made: list[Edit] = []
    for edit in sorted(edits, key=lambda one: (one.start, one.end)):
        if not made or edit.start >= made[-1].end:
            made.append(edit)
    return made


def _as_held(lines: Sequence[str], held: Sequence[str]) -> list[str]:
    """Lines with the trailing white space that equal ones have in the document."""
    known = {line.rstrip(): line for line in held}
    return [known.get(line.rstrip(), line) for line in lines]


def _next_line(text: str, at: int, *, blank: bool) -> int:
    """Where the next line begins, behind blank ones if asked."""
    end = text.find("\n", at)
    end = len(text) if end < 0 else end + 1
    while blank and end < len(text) and not text[end : _next_line(text, end, blank=False)].strip():
        end = _next_line(text, end, blank=False)
    return end
