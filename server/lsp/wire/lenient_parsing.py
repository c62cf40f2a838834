"""Parsing of JSON into LSP's types: strict, but lenient about values that a newer version of LSP may have added.

One rule holds for all messages. An unknown value of an enumeration is left out of a list; as an optional field it is
dropped, and as a required field it becomes the last known value. `initialize` must not fail, or the editor would have
no server: there each part that does not fit is dropped, and a missing required part is taken as empty. Knows no
method. Start at `structure`.
"""

from __future__ import annotations

import functools
import re
import types as builtin_types
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import TYPE_CHECKING, Any, Literal, Optional, Union, get_args, get_origin

import attrs
from cattrs import transform_error
from cattrs.cols import is_sequence, list_structure_factory
from cattrs.gen import make_dict_structure_fn, override
from lsprotocol import types
from pygls.protocol import default_converter

from server.lsp import own_methods

if TYPE_CHECKING:
    from collections.abc import Callable

    from cattrs import Converter

UNFIT = object()  # the result for JSON that cannot be repaired
OPEN_ENUMERATIONS = (types.CodeActionKind, types.PositionEncodingKind)  # any string is valid; lsprotocol takes any JSON
MOST_ERRORS = 3  # named in one answer
PRIMITIVES = {str: "a string", int: "an integer", float: "a number", bool: "true or false"}
TOKENS = (Union[int, str], Union[int, str, None])  # noqa: UP007 (as lsprotocol writes them)


class Unfit(ValueError):  # noqa: N818 (it describes the value, not an error of the program)
    """A value is not of its type; the message names the places and not the values."""


@functools.cache
def get_converter() -> Converter:
    """Return the process's only converter, which caches a compiled function for each type."""
    made: Converter = default_converter()  # type: ignore[no-untyped-call]
    for kind in PRIMITIVES:
        made.register_structure_hook(kind, _structure_primitive)
    for token in TOKENS:
        made.register_structure_hook(token, _structure_token)
    for enumeration in OPEN_ENUMERATIONS:
        made.register_structure_hook(Union[enumeration, str], _structure_string)  # noqa: UP007 (as lsprotocol writes them)
        made.register_structure_hook(
            Optional[Union[enumeration, str]],  # noqa: UP007, UP045
            lambda value, kind: value and _structure_string(value, kind),
        )
    made.register_structure_hook_factory(is_sequence, _make_list_hook)
    for kind in {one.params for one in own_methods.METHODS.values()}:
        names: dict[str, Any] = {one.name: override(rename=_to_json_name(one.name)) for one in attrs.fields(kind)}
        made.register_structure_hook(kind, make_dict_structure_fn(kind, made, **names))
    return made


def structure(value: object, kind: Any, *, forgiving: bool = False) -> Any:  # noqa: ANN401 (any type of LSP)
    """Convert the JSON `value` to the LSP type `kind`, repaired if it does not fit, and return the result.

    Args:
        value: the JSON.
        kind: a type of lsprotocol.
        forgiving: drop or complete each part that does not fit, not only unknown values of enumerations.

    Raises:
        Unfit: the value does not fit and cannot be repaired.
    """
    try:
        return get_converter().structure(value, kind)
    except Exception:  # noqa: BLE001 (a converter raises whatever the type's own methods raise)
        repaired = _Repair(forgiving).repair(value, kind)
    try:
        return get_converter().structure(value if repaired is UNFIT else repaired, kind)
    except Exception as error:
        raise Unfit("; ".join(_describe_errors(error)[:MOST_ERRORS])) from error


class _Repair:
    """One walk over JSON along its type, which drops or replaces the parts that do not fit."""

    def __init__(self, forgiving: bool) -> None:  # noqa: FBT001 (private)
        self._forgiving = forgiving

    def repair(self, value: object, kind: Any) -> object:  # noqa: ANN401
        """Return `value` with its unfit parts dropped or replaced, so that it fits `kind`; `UNFIT` if it cannot fit.

        The result of a list or an object may still hold unfit parts, whose places an error then names.
        """
        if _is_accepted(value, kind):
            return value
        if get_origin(kind) in (Union, builtin_types.UnionType):
            return self._repair_union(value, kind)
        if attrs.has(kind):
            return self._repair_class(value, kind)
        if get_origin(kind) is Sequence and isinstance(value, list):
            return self._repair_sequence(value, get_args(kind)[0])
        return UNFIT

    def _repair_union(self, value: object, kind: Any) -> object:  # noqa: ANN401
        """Return `value` repaired as the first member of the union that it then fits, or `UNFIT`."""
        candidates = (self.repair(value, member) for member in get_args(kind) if member is not type(None))
        return next((one for one in candidates if one is not UNFIT and _is_accepted(one, kind)), UNFIT)

    def _repair_class(self, value: object, kind: Any) -> object:  # noqa: ANN401
        """Return the object `value` with each field of the class `kind` repaired; `UNFIT` if it is no object.

        An optional field is dropped, if forgiving or if it has an unknown value of an enumeration; otherwise a field
        that cannot be repaired is kept. Missing fields are added only if forgiving.
        """
        if not isinstance(value, dict):
            return UNFIT
        repaired = dict(value)
        for field in attrs.fields(kind):
            name, needed = _to_json_name(field.name), field.default is attrs.NOTHING
            if name not in repaired:
                if needed and self._forgiving:
                    repaired[name] = self._make_empty(field.type)
                continue
            part = self._repair_field(repaired[name], field, needed=needed)
            if part is not UNFIT:
                repaired[name] = part
            elif not needed and (self._forgiving or _is_new(repaired[name], field.type)):
                del repaired[name]
        return repaired

    def _repair_field(self, value: object, field: attrs.Attribute[Any], *, needed: bool) -> object:
        """Return the repaired value of one field; a substitute for it if the field is `needed`; else `UNFIT`.

        A substitute is an empty value if forgiving, or the last value of an enumeration for an unknown one.
        """
        part = self.repair(value, field.type)
        if part is not UNFIT and _is_accepted(part, field.type, field.validator):
            return part
        if needed and self._forgiving:
            return self._make_empty(field.type)
        return _get_last_value(field.type) if needed and _is_new(value, field.type) else UNFIT

    def _repair_sequence(self, values: list[object], kind: Any) -> list[object]:  # noqa: ANN401
        """Return `values` with each item repaired; unknown values of enumerations are left out.

        Other items that cannot be repaired are left out if forgiving, and kept otherwise.
        """
        repaired = []
        for value in values:
            part = self.repair(value, kind)
            if part is not UNFIT and _is_accepted(part, kind):
                repaired.append(part)
            elif not (self._forgiving or _is_new(value, kind)):
                repaired.append(value)  # kept, so that the error names its place
        return repaired

    def _make_empty(self, kind: Any) -> object:  # noqa: ANN401
        """Return the JSON of an empty or default value of type `kind`."""
        members = get_args(kind)
        if get_origin(kind) is Literal:
            return members[0]
        if get_origin(kind) in (Union, builtin_types.UnionType):
            return None if type(None) in members else self._make_empty(members[0])
        if isinstance(kind, type) and issubclass(kind, Enum):
            return _get_last_value(kind)
        if attrs.has(kind):
            return self._repair_class({}, kind)
        if get_origin(kind) in (Sequence, Mapping, dict):
            return [] if get_origin(kind) is Sequence else {}
        return kind() if kind in (str, int, float, bool) else None


def _is_accepted(value: object, kind: Any, validator: Callable[..., Any] | None = None) -> bool:  # noqa: ANN401
    """Return whether the converter, and the field's `validator` if there is one, accept `value`."""
    try:
        made = get_converter().structure(value, kind)
        if validator is not None:
            validator(None, attrs.fields(_Named).value, made)
    except Exception:  # noqa: BLE001 (as in `structure`)
        return False
    return True


@attrs.frozen
class _Named:
    """A class with one attribute, which validators need for their error messages."""

    value: object


def _is_new(value: object, kind: Any) -> bool:  # noqa: ANN401
    """Return whether `value` may be one that a later version of LSP adds to the enumeration `kind`."""
    members = [member for member in (get_args(kind) or (kind,)) if isinstance(member, type)]
    enumerations = [member for member in members if issubclass(member, Enum)]
    return any(type(value) is type(next(iter(one)).value) for one in enumerations)


def _get_last_value(kind: Any) -> object:  # noqa: ANN401
    """Return the JSON of the last value of the enumeration `kind`."""
    return list(kind)[-1].value


def _to_json_name(name: str) -> str:
    """Return the name of a Python field as LSP writes it in JSON."""
    first, *rest = name.removesuffix("_").split("_")
    return first + "".join(word.title() for word in rest)


def _describe_errors(error: Exception) -> list[str]:
    """Return a phrase ("params.position is missing") for each place in the JSON where the converter failed."""
    return [
        f"{re.sub('_([a-z])', lambda match: match[1].upper(), place)} is {description}"
        for description, _, place in (
            one.rpartition(" @ ") for one in transform_error(error, "params", format_exception=_describe_error)
        )
    ]


def _describe_error(error: BaseException, kind: Any) -> str:  # noqa: ANN401
    """Return a description of the `error` for a value of the type `kind`: "missing", "not a list" or the like."""
    if isinstance(error, KeyError):
        return "missing"
    members = [member for member in (get_args(kind) or (kind,)) if member is not type(None)]
    if get_origin(kind) is Sequence or any(get_origin(member) is Sequence for member in members):
        return "not a list"
    return f"not {PRIMITIVES.get(members[0], 'what LSP has there')}"


def _structure_primitive(value: object, kind: type) -> object:
    """Return `value` if it is of the primitive type `kind`; 1.0, which some clients write for 1, counts as an integer.

    Raises:
        TypeError: the value is of another type.
    """
    if kind not in PRIMITIVES:
        return kind(value)  # an enumeration that derives from a primitive type
    if type(value) is kind or (kind is float and type(value) is int):
        return value
    if kind is int and isinstance(value, float) and value.is_integer():
        return int(value)
    raise TypeError(f"not {kind.__name__}")


def _structure_token(value: object, _: object) -> object:
    """Return `value` if it is a number, a string or None, as progress tokens and ids are. Raises TypeError."""
    if value is None or type(value) in (int, str):
        return value
    raise TypeError("neither a number nor a string")


def _structure_string(value: object, _: object) -> object:
    """Return `value` if it is a string. Raises TypeError."""
    if isinstance(value, str):
        return value
    raise TypeError("not a string")


def _make_list_hook(kind: Any, made: Converter) -> Callable[[object, Any], object]:  # noqa: ANN401
    """Return a structure hook for the sequence type `kind` that accepts lists only, not strings."""
    inner = list_structure_factory(kind, made)

    def structure_list(value: object, wanted: Any) -> object:  # noqa: ANN401
        """Return the list `value` with its items converted. Raises TypeError for any other value."""
        if not isinstance(value, list):
            raise TypeError("not a list")
        return inner(value, wanted)

    return structure_list
