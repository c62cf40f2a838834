"""Rule 2, calls of a function whose parameters have changed: an argument to remove, to add or to rename.

A call is changed only if it fits the parameters before the edit, and either does not fit those after it or gives a
removed one. A new argument is a variable in sight with the parameter's name; without one, nothing is proposed. Python
only. Start at `find_signature_changes`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agents.next_edit.name_places import Place, Role, find_places, resolve
from agents.next_edit.next_edits import Candidate, Kind

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import tree_sitter

    from agents.next_edit.history import PastEdit
    from indexing.syntax.syntax import Syntax

_NAME = re.compile(r"(\**)\s*([^\W\d]\w*)")
_OPEN, _CLOSE = "([{", ")]}"
_LONGEST = 4000  # characters of a list of parameters
_RECEIVERS = frozenset({"self", "cls"})
_CONSTRUCTORS = frozenset({"__init__", "__new__"})


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter: its name, whether it has a default, and whether it can be given by position."""

    name: str
    has_default: bool
    is_positional: bool


@dataclass(frozen=True, slots=True)
class Signature:
    """The parameters of a function, without the object of a method.

    Attributes:
        parameters: the parameters, without `*a` and `**a`.
        takes_more: whether it takes any number of arguments by position (`*a`).
        takes_any_keyword: whether it takes arguments of any name (`**a`).
    """

    parameters: tuple[Parameter, ...]
    takes_more: bool
    takes_any_keyword: bool

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the parameters."""
        return tuple(one.name for one in self.parameters)

    @property
    def positional(self) -> tuple[str, ...]:
        """Names of the parameters that can be given by position."""
        return tuple(one.name for one in self.parameters if one.is_positional)

    def fits(self, call: Call) -> bool:
        """Return whether `call` gives each parameter without a default, no parameter twice, and nothing else.

        `*a` takes all further arguments by position, `**a` all other names.
        """
        positional = self.positional
        if len(call.positional) > len(positional) and not self.takes_more:
            return False
        given = set(positional[: len(call.positional)])
        for name in call.keywords:
            if name in given or (name not in self.names and not self.takes_any_keyword):
                return False
            given.add(name)
        return all(one.has_default or one.name in given for one in self.parameters)


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument of a call: its place in the text, code points; `name` is "" for one by position."""

    start: int
    end: int
    name: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """A call: its arguments in order, and its list of arguments without the brackets, code points."""

    arguments: tuple[Argument, ...]
    start: int
    end: int

    def is_touched_by(self, edit: PastEdit) -> bool:
        """Return whether `edit` has changed the arguments."""
        return edit.start <= self.end and self.start <= edit.end

    @property
    def positional(self) -> tuple[Argument, ...]:
        """The arguments by position."""
        return tuple(one for one in self.arguments if not one.name)

    @property
    def keywords(self) -> dict[str, Argument]:
        """The arguments by name."""
        return {one.name: one for one in self.arguments if one.name}


@dataclass(frozen=True, slots=True)
class SignatureChange:
    """A function whose parameters an edit has changed.

    Attributes:
        name: the name by which it is called; for a constructor that of its class.
        is_method: whether it is called as a member of an object.
        old: the parameters before.
        new: the parameters after.
    """

    name: str
    is_method: bool
    old: Signature
    new: Signature

    @property
    def removed(self) -> list[str]:
        """Names of the removed parameters."""
        return [one for one in self.old.names if one not in self.new.names]

    @property
    def added(self) -> list[str]:
        """Names of the new parameters."""
        return [one for one in self.new.names if one not in self.old.names]

    def affects(self, call: Call) -> bool:
        """Return whether `call` fits the old parameters, and does not fit the new ones or gives a removed one."""
        given = {*self.old.positional[: len(call.positional)], *call.keywords}
        return self.old.fits(call) and (not self.new.fits(call) or not given.isdisjoint(self.removed))


def find_signature_changes(edit: PastEdit, syntax: Syntax) -> Iterator[SignatureChange]:
    """Yield the change of the function around `edit` whose parameters `edit` has changed; at most one."""
    parsed = syntax.parsed
    if parsed is None or not parsed.grammar.entry.python_parser:
        return
    root = parsed.tree.root_node
    for at in (edit.start, edit.end):
        node = root.descendant_for_byte_range(syntax.to_byte(at), syntax.to_byte(at))
        while node is not None and node.type != "function_definition":
            node = node.parent
        if node is None:
            continue
        change = _compare(node, edit, syntax)
        if change is not None:
            yield change
            return


def _compare(node: tree_sitter.Node, edit: PastEdit, syntax: Syntax) -> SignatureChange | None:
    """Return the change of the function `node`; None if its parameters are equal or unreadable, or its name is new."""
    named, listed = node.child_by_field_name("name"), node.child_by_field_name("parameters")
    if named is None or listed is None or named.text is None:
        return None
    start = syntax.to_code_point(named.start_byte)
    old_start = edit.old_start - (edit.start - start)
    name = named.text.decode(errors="replace")
    if start >= edit.start or old_start < 0 or not edit.before.startswith(name, old_start):
        return None
    old = _read_parameters(edit.before, old_start + len(name))
    new = _read_parameters(syntax.text, start + len(name))
    if old is None or new is None or old == new:
        return None
    around = _find_class(node)
    if around is not None and not _is_static(node):
        old, new = _drop_receiver(old), _drop_receiver(new)
        if name in _CONSTRUCTORS:
            return SignatureChange(around, is_method=False, old=old, new=new)
    return SignatureChange(name, around is not None, old, new)


def _find_class(node: tree_sitter.Node) -> str | None:
    """Return the name of the class that has the function `node` as a member, None if no class has it."""
    parent = node.parent
    while parent is not None and parent.type in {"block", "decorated_definition"}:
        parent = parent.parent
    if parent is None or parent.type != "class_definition":
        return None
    named = parent.child_by_field_name("name")
    return None if named is None or named.text is None else named.text.decode(errors="replace")


def _is_static(node: tree_sitter.Node) -> bool:
    """Return whether the method is a `@staticmethod`."""
    parent = node.parent
    return (
        parent is not None and parent.type == "decorated_definition" and b"@staticmethod" in (parent.text or b"")[:200]
    )


def _drop_receiver(signature: Signature) -> Signature:
    """Return the signature without the parameter for the object."""
    first = signature.parameters[:1]
    rest = signature.parameters[1:] if first and first[0].name in _RECEIVERS else signature.parameters
    return Signature(rest, signature.takes_more, signature.takes_any_keyword)


def _read_parameters(text: str, at: int) -> Signature | None:
    """Return the parameters in the brackets at `at`; None if there are none, or they do not end or have no name."""
    opened = text.find("(", at, at + 200)
    if opened < 0 or text[at:opened].strip():
        return None
    parts = _split_list(text, opened + 1)
    if parts is None:
        return None
    found: list[Parameter] = []
    takes_more = takes_any_keyword = by_name_only = False
    for part in parts:
        match = _NAME.match(part)
        if part == "*":
            by_name_only = True
        elif part == "/":
            continue
        elif match is None:
            return None
        elif match[1] == "**":
            takes_any_keyword = True
        elif match[1]:
            takes_more = by_name_only = True
        else:
            found.append(Parameter(match[2], "=" in part, not by_name_only))
    return Signature(tuple(found), takes_more, takes_any_keyword)


def _split_list(text: str, start: int) -> list[str] | None:
    """Return the parts of a list in brackets that begins at `start`; None if it does not end within bounds."""
    depth, parts, reached = 0, [], start
    quote = ""
    for at in range(start, min(len(text), start + _LONGEST)):
        mark = text[at]
        if quote:
            quote = "" if mark == quote else quote
        elif mark in "\"'":
            quote = mark
        elif mark == "#":
            return None
        elif mark in _OPEN:
            depth += 1
        elif mark in _CLOSE and depth:
            depth -= 1
        elif (mark in _CLOSE or mark == ",") and not depth:
            parts.append(text[reached:at].strip())
            reached = at + 1
            if mark in _CLOSE:
                return [part for part in parts if part]
    return None


def list_calls(
    change: SignatureChange,
    syntax: Syntax,
    uri: str,
    *,
    edited: Sequence[PastEdit],
    imported: Sequence[Place] | None = None,
) -> list[Candidate]:
    """Return the changes of calls that the text of `syntax` needs, in order.

    Args:
        change: the function and its parameters before and after.
        syntax: the text with the calls.
        uri: its document.
        edited: the person's edits of this text; a call that one of them has touched is left alone.
        imported: places where another text uses a function that it imports; None to search the whole text.
    """
    places = imported if imported is not None else find_places(syntax, change.name)
    found = []
    for place in places or ():
        called = place.role in {Role.MEMBER, Role.MEMBER_BINDING} if change.is_method else place.role is Role.USE
        call = _read_call(place, syntax) if called else None
        if call is not None and change.affects(call) and not any(call.is_touched_by(edit) for edit in edited):
            candidate = _adapt(change, call, place, syntax, uri)
            if candidate is not None:
                found.append(candidate)
    return found


def _read_call(place: Place, syntax: Syntax) -> Call | None:
    """Return the call of the name at `place`; None if it is not called, or unpacks arguments."""
    parsed = syntax.parsed
    assert parsed is not None  # noqa: S101 (the place was found in its tree)
    node = parsed.tree.root_node.descendant_for_byte_range(syntax.to_byte(place.start), syntax.to_byte(place.end))
    if node is None or node.parent is None:
        return None
    function = node.parent if node.parent.type == "attribute" else node
    call = function.parent
    if call is None or call.type != "call" or call.child_by_field_name("function") != function:
        return None
    listed = call.child_by_field_name("arguments")
    if listed is None or listed.type != "argument_list" or listed.has_error:
        return None
    arguments = []
    for one in listed.named_children:
        if one.type in {"list_splat", "dictionary_splat", "comment"}:
            return None
        named = one.child_by_field_name("name") if one.type == "keyword_argument" else None
        name = named.text.decode(errors="replace") if named is not None and named.text is not None else ""
        arguments.append(Argument(syntax.to_code_point(one.start_byte), syntax.to_code_point(one.end_byte), name))
    return Call(
        tuple(arguments), syntax.to_code_point(listed.start_byte) + 1, syntax.to_code_point(listed.end_byte) - 1
    )


def _adapt(change: SignatureChange, call: Call, place: Place, syntax: Syntax, uri: str) -> Candidate | None:
    """Return the replacement that makes `call` fit the new parameters; None if it is not certain."""
    removed, added = change.removed, change.added
    reason = f"The parameters of `{change.name}` have changed."
    if len(removed) == len(added) == 1:
        argument = call.keywords.get(removed[0])
        same = change.old.names.index(removed[0]) == change.new.names.index(added[0])
        if argument is None or not same:
            return None
        end = argument.start + len(removed[0])
        return Candidate(uri, argument.start, end, added[0], Kind.SIGNATURE, reason, (change.name, "name"))
    if len(removed) == 1 and not added:
        return _remove(change, call, removed[0], uri, reason)
    if len(added) == 1 and not removed and _is_in_sight(added[0], place, syntax):
        return _add(change, call, added[0], uri, reason)
    return None


def _remove(change: SignatureChange, call: Call, name: str, uri: str, reason: str) -> Candidate | None:
    """Return the removal of the argument for the parameter `name`; None if the call does not give it."""
    positional = change.old.positional
    argument = call.keywords.get(name)
    if argument is None and name in positional and positional.index(name) < len(call.positional):
        argument = call.positional[positional.index(name)]
    if argument is None:
        return None
    at = call.arguments.index(argument)
    start, end = argument.start, argument.end
    if at + 1 < len(call.arguments):
        end = call.arguments[at + 1].start
    elif at:
        start = call.arguments[at - 1].end
    return Candidate(uri, start, end, "", Kind.SIGNATURE, reason, (change.name, "remove"))


def _add(change: SignatureChange, call: Call, name: str, uri: str, reason: str) -> Candidate | None:
    """Return the insertion of a variable called as the new parameter, by position where that is possible."""
    positional = change.new.positional
    at = positional.index(name) if name in positional else -1
    if 0 <= at <= len(call.positional):
        text, index = name, at
    else:
        text, index = f"{name}={name}", len(call.arguments)
    if index < len(call.arguments):
        place, written = call.arguments[index].start, f"{text}, "
    elif call.arguments:
        place, written = call.arguments[-1].end, f", {text}"
    else:
        place, written = call.start, text
    return Candidate(uri, place, place, written, Kind.SIGNATURE, reason, (change.name, "add"))


def _is_in_sight(name: str, place: Place, syntax: Syntax) -> bool:
    """Return whether a variable `name` is bound in a function around `place`, before it."""
    bindings = [one for one in find_places(syntax, name) or () if one.role is Role.BINDING and one.start < place.start]
    scope, found = resolve(place, bindings, sees_classes=False)
    return bool(found) and scope is not None
