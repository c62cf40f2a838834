"""The port for traces: spans of a request, which a tracer of the server records. Off, it costs a call and a dict.

A span has a name, times, and attributes that are numbers, names and ids; code, prompts, answers and paths are none of
these. Texts are given by `Span.set_text`, which a tracer drops unless the person wants them. Start at `open_span`.
"""

from __future__ import annotations

import contextvars
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, Self, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Value = str | int | float | bool
Result = TypeVar("Result")


class Span(Protocol):
    """A part of a request's time."""

    def set(self, **attributes: Value) -> None:
        """Set attributes."""
        ...

    def set_text(self, name: str, text: str) -> None:
        """Set a text, if the person wants texts."""
        ...


class Tracer(Protocol):
    """Records spans. For any thread."""

    def open_span(self, name: str, attributes: Mapping[str, Value]) -> AbstractContextManager[Span]:
        """Return a context manager that lasts as long as the span, a child of the span around it."""
        ...

    def get_span(self) -> Span:
        """Return the span around the caller; one that drops everything if there is none."""
        ...


class NoSpan(AbstractContextManager["NoSpan"]):
    """A span that drops everything."""

    __slots__ = ()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def set(self, **attributes: Value) -> None:
        """Drop the attributes."""

    def set_text(self, name: str, text: str) -> None:
        """Drop the text."""


@dataclass(slots=True)
class _Chosen:
    """The tracer of this process, None while traces are off."""

    tracer: Tracer | None = None


NO_SPAN = NoSpan()
_chosen = _Chosen()


def set_tracer(tracer: Tracer | None) -> None:
    """Have spans recorded by `tracer` from now on; None turns traces off."""
    _chosen.tracer = tracer


def open_span(name: str, **attributes: Value) -> AbstractContextManager[Span]:
    """Return a context manager that lasts as long as the span `name`, and gives the span."""
    tracer = _chosen.tracer
    return NO_SPAN if tracer is None else tracer.open_span(name, attributes)


def get_span() -> Span:
    """Return the span around the caller, to set attributes; one that drops everything if there is none."""
    tracer = _chosen.tracer
    return NO_SPAN if tracer is None else tracer.get_span()


def carry_span(call: Callable[..., Result]) -> Callable[..., Result]:
    """Return `call` for another thread, where it runs inside the caller's span; unchanged while traces are off."""
    if _chosen.tracer is None:
        return call
    context = contextvars.copy_context()
    return lambda *arguments, **named: context.run(call, *arguments, **named)
