"""Arguments that the call around the cursor lacks, in the order of the signature. Start at `propose_arguments`."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from agents.completion.resolved.proposals import Line, Proposal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from agents.completion.cursor import Cursor
    from indexing.resolution.records import EnclosingCall, Parameter

_BEGINS = re.compile(r"(?:\(|,\s|\A)\s*(?P<word>[^\W\d]\w*)?\Z")
_VALUE = re.compile(r"(?P<name>[^\W\d]\w*)\s*=\s*(?P<word>[^\W\d][\w.]*)?\Z")
_MOST_NAMES = 4
_SIMPLE_TYPE = re.compile(
    r"(?:str|int|float|bool|bytes|object|Any|list|dict|tuple|None|boolean|char|byte|short|long|double|String"
    r"|CharSequence|Object|Integer|Long|Boolean|Double)\b"
)


def propose_arguments(
    cursor: Cursor, call: EnclosingCall, values: Mapping[str, str], attributes: Sequence[str]
) -> list[Proposal]:
    """Return arguments of `call` at `cursor` as proposals: a value, the missing arguments, names of parameters.

    Args:
        cursor: the cursor in the call.
        call: the call.
        values: names that can be used at the cursor with their annotations.
        attributes: attributes of the object whose method the cursor is in, as written (`self.name`).
    """
    line = Line(cursor)
    before = cursor.before
    if not line.is_code or not call.parameters:
        return []
    return [
        *_propose_value(before, call, values, attributes, line),
        *_propose_rest(before, call, values, attributes, line),
        *_propose_names(before, call),
    ]


def _propose_value(
    before: str, call: EnclosingCall, values: Mapping[str, str], attributes: Sequence[str], line: Line
) -> Iterator[Proposal]:
    """Yield the value of a keyword argument whose name is before the cursor: the name that is like it."""
    found = _VALUE.search(before)
    if found is None or found["name"] not in [each.name for each in call.parameters] + list(call.named):
        return
    word = found["word"] or ""
    for place, value in enumerate(_list_values(found["name"], "", values, attributes)):
        if value.startswith(word) and value != word:
            evidence = {
                "value": 1.0,
                "value_place": float(place),
                "value_typed": math.log1p(len(word)),
                "value_inner": float(line.is_inner),
                "value_attribute": float("." in value),
            }
            yield Proposal(value[len(word) :] + ("," if line.is_inner else line.finish()), evidence)


def _propose_rest(
    before: str, call: EnclosingCall, values: Mapping[str, str], attributes: Sequence[str], line: Line
) -> Iterator[Proposal]:
    """Yield the arguments from the cursor to the end of the line or the call, at the beginning of an argument."""
    found = _BEGINS.search(before)
    if found is None:
        return
    word = found["word"] or ""
    by_name = bool(call.named) or line.is_inner
    required = [each for each in call.parameters if each.is_required]
    for parameters, kind in ((required, "required"), (_select_named(call.parameters, values), "all")):
        for named in (by_name, not by_name):
            texts = [_write(each, values, attributes, named=named) for each in parameters]
            if not texts or None in texts or (kind == "all" and parameters == required):
                continue
            written = [text for text in texts if text is not None]
            if line.is_inner:
                written = written[:1]
            text = ", ".join(written)
            if not text.startswith(word) or text == word:
                continue
            evidence = {
                "argument": 1.0,
                f"argument_{kind}": 1.0,
                "argument_count": float(len(written)),
                "argument_usual": float(named == by_name),
                "argument_typed": math.log1p(len(word)),
                "argument_inner": float(line.is_inner),
                "argument_given": float(call.given + len(call.named) > 0),
                "argument_attribute": float("." in text),
            }
            end = "," if line.is_inner else line.finish()
            yield Proposal(text[len(word) :] + end, evidence)


def _propose_names(before: str, call: EnclosingCall) -> Iterator[Proposal]:
    """Yield the names of the required parameters as keyword arguments without values, then those of the others."""
    found = _BEGINS.search(before)
    if found is None:
        return
    word = found["word"] or ""
    named = [each for each in call.parameters if each.kind in {"any", "keyword"} and each.name.startswith(word)]
    for place, each in enumerate(sorted(named, key=lambda each: not each.is_required)[:_MOST_NAMES]):
        evidence = {"name": 1.0, "name_place": float(place), "name_required": float(each.is_required)}
        yield Proposal(f"{each.name[len(word) :]}=", evidence, beginning=True)


def _select_named(parameters: Sequence[Parameter], values: Mapping[str, str]) -> list[Parameter]:
    """Return the parameters that are required, and those with a name that can be used at the cursor."""
    return [
        each
        for each in parameters
        if each.is_required or (each.name in values and each.kind in {"positional", "any", "keyword"})
    ]


def choose_arguments(parameters: Sequence[Parameter], values: Mapping[str, str]) -> str | None:
    """Return the arguments for the required ones of `parameters`; None if a name for one is missing."""
    written = [_write(each, values, (), named=False) for each in parameters if each.is_required]
    return None if None in written else ", ".join(text for text in written if text is not None)


def _write(parameter: Parameter, values: Mapping[str, str], attributes: Sequence[str], *, named: bool) -> str | None:
    """Return an argument for `parameter`, as a keyword argument if it has to be one or `named`.

    The value is the best one of `_list_values`. None without a value, and for a parameter without a keyword if `named`.
    """
    if named and parameter.kind == "positional":
        return None
    found = _list_values(parameter.name, parameter.annotation, values, attributes)
    if not found:
        return None
    return f"{parameter.name}={found[0]}" if named or parameter.kind == "keyword" else found[0]


def _list_values(name: str, annotation: str, values: Mapping[str, str], attributes: Sequence[str]) -> list[str]:
    """Return the expressions that fit a parameter, best first: of the same name, attributes of it, of the same type."""
    found = [name] if name in values else []
    found += [each for each in attributes if each.partition(".")[2] in {name, f"_{name}"}]
    if annotation and not found and not _SIMPLE_TYPE.match(annotation):
        found += [value for value, other in values.items() if other == annotation]
    return found
