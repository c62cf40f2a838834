"""The names of one document at one place: what they mean, members of receivers, and the call around the cursor.

The edited line counts as a placeholder, so that a half-typed line does not break the table and typing within a line
parses nothing. Never runs code. Start at `DocumentNames`.
"""

from __future__ import annotations

import math
import time
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from indexing.resolution import cursor_text, expressions, rules
from indexing.resolution.describing import describe, list_parameters
from indexing.resolution.hierarchy import find_class, knows_all_members
from indexing.resolution.inference import Inference
from indexing.resolution.lookup import Lookup, Reference, Source
from indexing.resolution.records import EnclosingCall, FoundDefinition, NameTable, Parameter, Receiver
from indexing.resolution.values import Value
from indexing.syntax.documents import Span

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from indexing.resolution.files import Files, TableCache
    from indexing.resolution.paths import FileKey

MOST_MEMBERS = 500
_CHARACTERS_A_SECOND = 2.5e6  # parsed: half of a bare parse


class DocumentNames:
    """The names of a document, as they are seen at one place in it. Not thread-safe; made for each question.

    Args:
        text: the document's text.
        offset: the cursor, in code points.
        language: name of the document's language.
        root: key of the root that it is in, "" for none.
        relative: its path relative to the root.
        key: key of its stored version in the index; None if it is not indexed.
        files: the files of the workspace.
        tables: the cache of tables.
        deadline: moment of `time.monotonic` after which no file is parsed; None for none.
    """

    def __init__(  # noqa: PLR0913 - the document, the place and the workspace
        self, text: str, offset: int, *, language: str, root: str, relative: str, key: FileKey | None, files: Files,
        tables: TableCache, deadline: float | None = None,
    ) -> None:  # fmt: skip
        self.text = text
        self.offset = offset
        self.lookup = Lookup(files, tables, deadline)
        language_rules = rules.load(language)
        self.available = False
        if language_rules is None:
            return
        cut, self.line_start, self.line_end, self._place = _replace_line(text, offset, language_rules)
        self._shift = len(text) - len(cut)
        cut += language_rules.close(cut)
        if tables.find(language, cut) is None and _takes_too_long(cut, deadline):
            return
        self.available = True
        self.source = Source(None, root, relative, tables.read(language, cut), language_rules)
        self.lookup.set_own(self.source, key)
        self.inference = Inference(self.lookup, language_rules.types)
        self.scope = find_scope(self.source.table, self._place)

    @cached_property
    def plain(self) -> str:
        """The text with the same length, in the notation that `cursor_text` reads."""
        return self.source.rules.simplify(self.text)

    @property
    def place(self) -> int:
        """The cursor in the text with the placeholder."""
        return self._place

    def find_definitions(self) -> tuple[FoundDefinition, ...]:
        """Return the definitions that the name at the cursor can mean; () if it is not known or not a name."""
        if not self.available:
            return ()
        _, end = cursor_text.find_word(self.text, self.offset)
        return self.find_meanings(cursor_text.read_expression_before(self.plain, end))

    def find_meanings(self, written: str) -> tuple[FoundDefinition, ...]:
        """Return the definitions that an expression at the cursor's place, a name or a member, can mean."""
        return tuple(dict.fromkeys(map(self.describe, self._find_references(written)))) if self.available else ()

    def find_receiver(self) -> Receiver | None:
        """Return the receiver before the dot at the cursor and its members; None without a dot or a known type.

        A partial member name between the dot and the cursor is ignored.
        """
        start = cursor_text.find_word(self.text, self.offset)[0] if self.available else 0
        before = self.plain[:start].rstrip() if self.available else ""
        if not before.endswith("."):
            return None
        values = self.evaluate(cursor_text.read_expression_before(self.plain, len(before) - 1))
        members: dict[str, FoundDefinition] = {}
        for value in values:
            for name, reference in self.iterate_members(value):
                if len(members) >= MOST_MEMBERS:
                    break
                if name not in members:
                    members[name] = replace(self.describe(reference), name=name)
        types = tuple(dict.fromkeys(value.title for value in values))
        if not types:
            return None
        complete = len(members) < MOST_MEMBERS and all(knows_all_members(self.inference, value) for value in values)
        return Receiver(types, tuple(members.values()), complete and not self.lookup.was_cut)

    def iterate_members(self, value: Value) -> Iterator[tuple[str, Reference]]:
        """Yield the members of a value that code at the cursor may use by name, those of its own class first."""
        yield from self.inference.iterate_members(value, lambda member: self._can_use(member, value))

    def _can_use(self, member: Reference, value: Value) -> bool:
        """Return whether code at the cursor may use a member of `value`."""
        home = member.source
        if member.number < 0:
            return True
        if home is not self.source:
            place = self.source.relative if home.root == self.source.root else None
            visible = home.rules.is_visible(member.definition, home.relative, place)
            if not visible and not (member.definition.is_inherited and self._inherits_from(member)):
                return False
        return value.kind == "module" or home.rules.is_member(member.definition, of_class=value.kind == "class")

    def _inherits_from(self, member: Reference) -> bool:
        """Return whether a class around the cursor is a subclass of the class that `member` belongs to."""
        scope, definitions = find_class(self.source, self.scope), self.source.table.definitions
        while scope >= 0:
            ancestors = self.inference.list_ancestors(self.source, scope)
            if any(each.source is member.source and each.number == member.definition.parent for each in ancestors):
                return True
            scope = find_class(self.source, definitions[scope].scope)
        return False

    def find_call(self) -> EnclosingCall | None:
        """Return the call around the cursor; None outside of one. Without a known callee it has no parameters."""
        call = cursor_text.find_call(self.plain, self.offset) if self.available else None
        if call is None:
            return None
        references = self._find_callees(call.callee)
        callees = tuple(dict.fromkeys(map(self.describe, references)))
        signatures = [parameters for reference in references for parameters in self._list_signatures(reference)]
        fitting = (each for each in signatures if _count_places(each) > call.given + len(call.named))
        parameters = next(fitting, signatures[0] if signatures else ())
        return EnclosingCall(
            call.callee, callees, call.given, call.named, tuple(_list_missing(parameters, call.given, call.named))
        )

    def evaluate(self, written: str) -> tuple[Value, ...]:
        """Return what an expression can be at the cursor's place."""
        return self.inference.evaluate(expressions.parse(written), self.source, self.scope, self._place)

    def describe(self, reference: Reference) -> FoundDefinition:
        """Return the record of what a name means, with its place in the real text of its file."""
        found = describe(reference, self.inference)
        if reference.source is not self.source:
            return found
        return replace(found, span=Span(self._to_real(found.span.start), self._to_real(found.span.end)))

    def list_parameters(self, reference: Reference) -> tuple[Parameter, ...]:
        """Return the parameters of a function without its receiver, or those of creating an instance of a class."""
        return list_parameters(reference, self.inference)

    def _find_callees(self, written: str) -> Sequence[Reference]:
        """Return what the called expression `written` means at the cursor's place; () if that is not known."""
        types = self.source.rules.types
        around = find_class(self.source, self.scope) if written in types.constructing else -1
        if around < 0:
            return self._find_references(written)
        own = Value("parent" if written in types.parents else "class", self.source, around)
        return self.inference.find_members(own, self.source.rules.constructor)

    def _list_signatures(self, called: Reference) -> list[tuple[Parameter, ...]]:
        """Return the parameters that calling a function or class takes, for each of its constructors; [] for others."""
        if called.number < 0 or called.parameter is not None or called.definition.kind == "variable":
            return []
        source = called.source
        made = source.table.members.get(called.number, {}).get(source.rules.constructor, ())
        if called.definition.kind == "class" and len(made) > 1:
            return [self.list_parameters(Reference(source, number)) for number in made]
        return [self.list_parameters(called)]

    def _find_references(self, written: str) -> Sequence[Reference]:
        """Return what a name or a member, written at the cursor's place, means; () for anything else."""
        expression = expressions.parse(written)
        if expression.kind == "name":
            return self.lookup.find_in_scopes(self.source, self.scope, expression.name, self._place)
        if expression.kind == "member" and expression.base is not None:
            values = self.inference.evaluate(expression.base, self.source, self.scope, self._place)
            return [each for value in values for each in self.inference.find_members(value, expression.name)]
        return ()

    def _to_real(self, offset: int) -> int:
        """Return the offset in the real text of an offset in the text with the placeholder."""
        return offset + self._shift if offset > self.line_start else offset


def _takes_too_long(text: str, deadline: float | None) -> bool:
    """Return whether parsing `text` takes more than half of the time that is left."""
    return deadline is not None and len(text) / _CHARACTERS_A_SECOND > (deadline - time.monotonic()) / 2


def find_scope(table: NameTable, offset: int) -> int:
    """Return the number of the innermost function or class around `offset`; -1 outside of all."""
    found = -1
    for number, each in enumerate(table.definitions):
        if each.span.start > offset:
            break
        if each.kind != "variable" and offset <= each.span.end:
            found = number
    return found


def _replace_line(text: str, offset: int, language_rules: rules.Rules) -> tuple[str, int, int, int]:
    """Return the text with a placeholder for the cursor's line, its old start and end, and the cursor's place."""
    start = text.rfind("\n", 0, offset) + 1
    end = text.find("\n", offset)
    end = len(text) if end < 0 else end
    line = text[start:offset] if not text[start:end].strip() else text[start:end]
    following = next((each for each in text[end + 1 : end + 1 + 2_000].split("\n") if each.strip()), "")
    placeholder, place = language_rules.make_placeholder(line.rstrip("\r"), offset - start, following)
    return text[:start] + placeholder + text[end:], start, end, start + place


def _count_places(parameters: Sequence[Parameter]) -> float:
    """Return how many arguments a call can give."""
    open_ended = any(each.kind in {"rest", "rest_keywords"} for each in parameters)
    return math.inf if open_ended else len(parameters)


def _list_missing(parameters: Sequence[Parameter], given: int, named: Sequence[str]) -> Iterator[Parameter]:
    """Yield the parameters that neither a position nor a name has given yet."""
    left = given
    for each in parameters:
        if each.kind in {"positional", "any"} and left > 0:
            left -= 1
        elif each.name not in named:
            yield each
