"""From JSON to LSP's types: strict about what a message needs, lenient about what its sender may know and we do not.

One rule for every message. LSP lets its sets grow, so an unknown value of an enumeration is left out of a list, an
optional one is dropped, and a required one becomes the last value that we know. `initialize` must not fail, for an
editor would be left without a server: there every part that does not fit is dropped, and what LSP requires and the
client does not send is taken as empty. Knows no message and no feature. Start at `structure`.
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
from lsprotocol import types
from pygls.protocol import default_converter

if TYPE_CHECKING:
    from collections.abc import Callable

    from cattrs import Converter

UNFIT = object()  # stands for a part that nothing can be made of
GROWN = (types.CodeActionKind, types.PositionEncodingKind)  # where LSP takes any string, and lsprotocol anything
MOST_COMPLAINTS = 3  # about one message; an answer is read by a person
PRIMITIVES = {str: "a string", int: "an integer", float: "a number", bool: "true or false"}
TOKENS = (Union[int, str], Union[int, str, None])  # noqa: UP007 (as lsprotocol writes them)


class Unfit(ValueError):  # noqa: N818 (it describes the value, which is nobody's mistake here)
    """A value is not of its type; the message names the places and none of the values."""


@functools.cache
def converter() -> Converter:
    """Return the one converter of the process; it compiles a function for each type that is met."""
    made: Converter = default_converter()  # type: ignore[no-untyped-call]
    for kind in PRIMITIVES:
        made.register_structure_hook(kind, _primitive)
    for token in TOKENS:
        made.register_structure_hook(token, _token)
    for grown in GROWN:
        made.register_structure_hook(Union[grown, str], _word)  # noqa: UP007 (as lsprotocol writes them)
        made.register_structure_hook(Optional[Union[grown, str]], lambda value, kind: value and _word(value, kind))  # noqa: UP007, UP045
    made.register_structure_hook_factory(is_sequence, _listed)
    return made


def structure(value: object, kind: Any, *, forgiving: bool = False) -> Any:  # noqa: ANN401 (any type of LSP)
    """Return JSON as a value of type `kind`.

    Args:
        value: as it came.
        kind: one of lsprotocol's types.
        forgiving: leave out or complete every part that does not fit, not only unknown values of enumerations.

    Raises:
        Unfit: nothing can be made of it.
    """
    try:
        return converter().structure(value, kind)
    except Exception:  # noqa: BLE001 (a converter raises what the value's own methods raise)
        mended = _Mending(forgiving).mend(value, kind)
    try:
        return converter().structure(value if mended is UNFIT else mended, kind)
    except Exception as error:
        raise Unfit("; ".join(_complaints(error)[:MOST_COMPLAINTS])) from error


class _Mending:
    """One walk over a value along its type, where the converter would not take the whole of it."""

    def __init__(self, forgiving: bool) -> None:  # noqa: FBT001 (private)
        self._forgiving = forgiving

    def mend(self, value: object, kind: Any) -> object:  # noqa: ANN401
        """Return JSON that is more likely to fit, or `UNFIT`."""
        if _fits(value, kind):
            return value
        if get_origin(kind) in (Union, builtin_types.UnionType):
            return self._of_union(value, kind)
        if attrs.has(kind):
            return self._of_class(value, kind)
        if get_origin(kind) is Sequence and isinstance(value, list):
            return self._of_sequence(value, get_args(kind)[0])
        return UNFIT

    def _of_union(self, value: object, kind: Any) -> object:  # noqa: ANN401
        candidates = (self.mend(value, member) for member in get_args(kind) if member is not type(None))
        return next((one for one in candidates if one is not UNFIT and _fits(one, kind)), UNFIT)

    def _of_class(self, value: object, kind: Any) -> object:  # noqa: ANN401
        if not isinstance(value, dict):
            return UNFIT
        mended = dict(value)
        for field in attrs.fields(kind):
            name, needed = _json_name(field.name), field.default is attrs.NOTHING
            if name not in mended:
                if needed and self._forgiving:
                    mended[name] = self._empty(field.type)
                continue
            part = self._of_field(mended[name], field, needed=needed)
            if part is not UNFIT:
                mended[name] = part
            elif not needed and (self._forgiving or _is_new(mended[name], field.type)):
                del mended[name]
        return mended

    def _of_field(self, value: object, field: attrs.Attribute[Any], *, needed: bool) -> object:
        part = self.mend(value, field.type)
        if part is not UNFIT and _fits(part, field.type, field.validator):
            return part
        if needed and self._forgiving:
            return self._empty(field.type)
        return _last(field.type) if needed and _is_new(value, field.type) else UNFIT

    def _of_sequence(self, values: list[object], kind: Any) -> list[object]:  # noqa: ANN401
        mended = []
        for value in values:
            part = self.mend(value, kind)
            if part is not UNFIT and _fits(part, kind):
                mended.append(part)
            elif not (self._forgiving or _is_new(value, kind)):
                mended.append(value)  # it is refused, and the message says where it stands
        return mended

    def _empty(self, kind: Any) -> object:  # noqa: ANN401
        """Return the JSON of a value that says nothing."""
        members = get_args(kind)
        if get_origin(kind) is Literal:
            return members[0]
        if get_origin(kind) in (Union, builtin_types.UnionType):
            return None if type(None) in members else self._empty(members[0])
        if isinstance(kind, type) and issubclass(kind, Enum):
            return _last(kind)
        if attrs.has(kind):
            return self._of_class({}, kind)
        if get_origin(kind) in (Sequence, Mapping, dict):
            return [] if get_origin(kind) is Sequence else {}
        return kind() if kind in (str, int, float, bool) else None


def _fits(value: object, kind: Any, validator: Callable[..., Any] | None = None) -> bool:  # noqa: ANN401
    """Whether the converter, and the field's own validator, take the value."""
    try:
        made = converter().structure(value, kind)
        if validator is not None:
            validator(None, attrs.fields(_Named).value, made)
    except Exception:  # noqa: BLE001 (as in `structure`)
        return False
    return True


@attrs.frozen
class _Named:
    """Lends validators an attribute to name in complaints, which nobody reads."""

    value: object


def _is_new(value: object, kind: Any) -> bool:  # noqa: ANN401
    """Whether the value could be one that a later version of LSP adds to the enumeration `kind`."""
    members = [member for member in (get_args(kind) or (kind,)) if isinstance(member, type)]
    enumerations = [member for member in members if issubclass(member, Enum)]
    return any(type(value) is type(next(iter(one)).value) for one in enumerations)


def _last(kind: Any) -> object:  # noqa: ANN401
    """Return the JSON of the newest value of an enumeration."""
    return list(kind)[-1].value


def _json_name(name: str) -> str:
    """Return a field's name as LSP writes it."""
    first, *rest = name.removesuffix("_").split("_")
    return first + "".join(word.title() for word in rest)


def _complaints(error: Exception) -> list[str]:
    """Return a phrase for each place of a message where the converter failed."""
    return [
        f"{re.sub('_([a-z])', lambda match: match[1].upper(), place)} is {complaint}"
        for complaint, _, place in (
            one.rpartition(" @ ") for one in transform_error(error, "params", format_exception=_complaint)
        )
    ]


def _complaint(error: BaseException, kind: Any) -> str:  # noqa: ANN401
    if isinstance(error, KeyError):
        return "missing"
    members = [member for member in (get_args(kind) or (kind,)) if member is not type(None)]
    if get_origin(kind) is Sequence or any(get_origin(member) is Sequence for member in members):
        return "not a list"
    return f"not {PRIMITIVES.get(members[0], 'what LSP has there')}"


def _primitive(value: object, kind: type) -> object:
    """Return a string, number or truth value; nothing is converted but 1.0, which some clients write for 1."""
    if kind not in PRIMITIVES:
        return kind(value)  # an enumeration, which derives from one
    if type(value) is kind or (kind is float and type(value) is int):
        return value
    if kind is int and isinstance(value, float) and value.is_integer():
        return int(value)
    raise TypeError(f"not {kind.__name__}")


def _token(value: object, _: object) -> object:
    """Return a token of progress, or an identity: a number, a string or nothing."""
    if value is None or type(value) in (int, str):
        return value
    raise TypeError("neither a number nor a string")


def _word(value: object, _: object) -> object:
    if isinstance(value, str):
        return value
    raise TypeError("not a string")


def _listed(kind: Any, made: Converter) -> Callable[[object, Any], object]:  # noqa: ANN401
    """Take lists alone for lists; Python would take a string for one too."""
    inner = list_structure_factory(kind, made)

    def listed(value: object, wanted: Any) -> object:  # noqa: ANN401
        if not isinstance(value, list):
            raise TypeError("not a list")
        return inner(value, wanted)

    return listed
