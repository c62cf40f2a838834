"""Values: what an expression can be, as far as resolution can tell. Start at `Value`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from indexing.resolution.lookup import Source

ValueKind = Literal["module", "class", "function", "instance", "parent"]


@dataclass(frozen=True, slots=True)
class Value:
    """A possible value of an expression.

    Attributes:
        kind: "instance" of a class; a "parent" is an instance seen as its base classes (`super()`).
        source: file of the module, class or function; None for a type that is in no known file.
        number: number of the class or function in its file's table; -1 for a module.
        name: name of a type that is in no known file.
        arguments: the types in brackets after a type, each with its alternatives.
        receiver: what a method was read from; None for other values.
    """

    kind: ValueKind
    source: Source | None = None
    number: int = -1
    name: str = ""
    arguments: tuple[tuple[Value, ...], ...] = ()
    receiver: Value | None = None

    @property
    def title(self) -> str:
        """Name of the module, class, function or type."""
        if self.source is None:
            return self.name
        if self.number < 0:
            return self.source.relative
        return self.source.table.definitions[self.number].name


def make_container(name: str, *arguments: tuple[Value, ...]) -> Value:
    """Return an instance of a container that is in no known file."""
    return Value("instance", name=name, arguments=arguments)
