"""The names of one document at one place: what they mean, members of receivers, and the call around the cursor.

The edited line counts as a placeholder, so that a half-typed line does not break the table and typing within a line
parses nothing. Never runs code. Start at `DocumentNames`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from indexing.resolution import cursor_text, expressions, rules
from indexing.resolution.inference import Inference
from indexing.resolution.known_members import knows_all_members
from indexing.resolution.lookup import Lookup, Reference, Source
from indexing.resolution.records import EnclosingCall, FoundDefinition, NameTable, Parameter, Receiver
from indexing.syntax.documents import Span

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from indexing.resolution.files import Files, TableCache
    from indexing.resolution.paths import FileKey
    from indexing.resolution.records import Definition
    from indexing.resolution.values import Value

MOST_MEMBERS = 500
_LONGEST_SIGNATURE = 60  # parameters


class DocumentNames:
    """The names of a document, looked at from one place in it. Not thread-safe; made for each question.

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
        self.available = language_rules is not None
        if language_rules is None:
            return
        cut, self.line_start, self._line_end, self._place = _replace_line(text, offset, language_rules)
        self._shift = len(text) - len(cut)
        self.source = Source(None, root, relative, tables.read(language, cut), language_rules)
        self.lookup.set_own(self.source, key)
        self.inference = Inference(self.lookup, language_rules.types)
        self.scope = find_scope(self.source.table, self._place)

    @property
    def place(self) -> int:
        """The cursor in the text with the placeholder."""
        return self._place

    def find_definitions(self) -> tuple[FoundDefinition, ...]:
        """Return the definitions that the name at the cursor can mean; () if it is not known or not a name."""
        if not self.available:
            return ()
        _, end = cursor_text.find_word(self.text, self.offset)
        return self.find_meanings(cursor_text.read_expression_before(self.text, end))

    def find_meanings(self, written: str) -> tuple[FoundDefinition, ...]:
        """Return the definitions that an expression at the cursor's place, a name or a member, can mean."""
        return tuple(dict.fromkeys(map(self.describe, self._find_references(written)))) if self.available else ()

    def find_receiver(self) -> Receiver | None:
        """Return the receiver before the dot at the cursor and its members; None without a dot or a known type.

        A partial member name between the dot and the cursor is ignored.
        """
        start = cursor_text.find_word(self.text, self.offset)[0] if self.available else 0
        before = self.text[:start].rstrip()
        if not before.endswith("."):
            return None
        values = self.evaluate(cursor_text.read_expression_before(self.text, len(before) - 1))
        members: dict[str, FoundDefinition] = {}
        for value in values:
            for name, reference in self.inference.iterate_members(value):
                if name not in members and len(members) < MOST_MEMBERS:
                    members[name] = self.describe(reference)
        types = tuple(dict.fromkeys(value.title for value in values))
        if not types:
            return None
        complete = len(members) < MOST_MEMBERS and all(knows_all_members(self.inference, value) for value in values)
        return Receiver(types, tuple(members.values()), complete)

    def find_call(self) -> EnclosingCall | None:
        """Return the call around the cursor; None outside of one. Without a known callee it has no parameters."""
        call = cursor_text.find_call(self.text, self.offset) if self.available else None
        if call is None:
            return None
        callees = self.find_meanings(call.callee)
        parameters = next((each.parameters for each in callees if each.kind != "variable"), ())
        return EnclosingCall(
            call.callee, callees, call.given, call.named, tuple(_list_missing(parameters, call.given, call.named))
        )

    def evaluate(self, written: str) -> tuple[Value, ...]:
        """Return what an expression can be at the cursor's place."""
        return self.inference.evaluate(expressions.parse(written), self.source, self.scope, self._place)

    def describe(self, reference: Reference) -> FoundDefinition:
        """Return the record of what a name means, with its place in the real text of its file."""
        source = reference.source
        if reference.number < 0:
            name = source.relative.rpartition("/")[2].partition(".")[0]
            return FoundDefinition(source.relative, source.key, name, name, "module", Span(0, 0), 0)
        definition = reference.definition
        span, line = definition.span, definition.line
        if source is self.source:
            span = Span(self._to_real(span.start), self._to_real(span.end))
        if reference.parameter is not None:
            name = reference.parameter.name
            qualified = f"{self._qualify(source, reference.number)}.{name}"
            return FoundDefinition(source.relative, source.key, name, qualified, "variable", span, line)
        return FoundDefinition(
            source.relative, source.key, definition.name, self._qualify(source, reference.number), definition.kind,
            span, line, self.list_parameters(reference),
        )  # fmt: skip

    def list_parameters(self, reference: Reference) -> tuple[Parameter, ...]:
        """Return the parameters of a function without its receiver, or those of creating an instance of a class."""
        definition = reference.definition
        if definition.kind == "function":
            return _drop_receiver(definition)
        if definition.kind != "class":
            return ()
        source = reference.source
        fields: dict[str, Parameter] = {}
        for ancestor in self.inference.list_ancestors(source, reference.number):
            if ancestor.source is None:
                continue
            table = ancestor.source.table
            made = table.members.get(ancestor.number, {})
            own = table.definitions[ancestor.number]
            if numbers := made.get(source.rules.constructor):
                return _drop_receiver(table.definitions[numbers[0]])
            if source.rules.takes_fields(own.decorators, own.bases):
                fields = {each.name: each for each in _list_fields(table, made.values())} | fields
        return tuple(fields.values())

    def _find_references(self, written: str) -> Sequence[Reference]:
        """Return what a name or a member, written at the cursor's place, means; () for anything else."""
        expression = expressions.parse(written)
        if expression.kind == "name":
            return self.lookup.find_in_scopes(self.source, self.scope, expression.name, self._place)
        if expression.kind == "member" and expression.base is not None:
            values = self.inference.evaluate(expression.base, self.source, self.scope, self._place)
            return [each for value in values for each in self.inference.find_members(value, expression.name)]
        return ()

    def _qualify(self, source: Source, number: int) -> str:
        """Return the name of a definition with those around it."""
        names = []
        while number >= 0:
            definition = source.table.definitions[number]
            names.append(definition.name)
            number = definition.parent
        return ".".join(reversed(names))

    def _to_real(self, offset: int) -> int:
        """Return the offset in the real text of an offset in the text with the placeholder."""
        return offset + self._shift if offset > self.line_start else offset


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
    placeholder = language_rules.make_placeholder(line.rstrip("\r"), following)
    return text[:start] + placeholder + text[end:], start, end, start + len(placeholder)


def _drop_receiver(function: Definition) -> tuple[Parameter, ...]:
    """Return the parameters of a function that a call gives."""
    return tuple(
        each for each in function.parameters[:_LONGEST_SIGNATURE] if each.kind not in {"receiver", "class_receiver"}
    )


def _list_fields(table: NameTable, members: Iterable[tuple[int, ...]]) -> Iterator[Parameter]:
    """Yield the annotated attributes of a class as parameters."""
    for numbers in members:
        each = table.definitions[numbers[0]]
        if each.kind == "variable" and each.annotation and not each.of_self and "ClassVar" not in each.annotation:
            yield Parameter(each.name, "any", each.annotation, each.value)


def _list_missing(parameters: Sequence[Parameter], given: int, named: Sequence[str]) -> Iterator[Parameter]:
    """Yield the parameters that neither a position nor a name has given yet."""
    left = given
    for each in parameters:
        if each.kind in {"positional", "any"} and left > 0:
            left -= 1
        elif each.name not in named:
            yield each
