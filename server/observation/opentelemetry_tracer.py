"""Traces by OpenTelemetry's SDK, which the extra `telemetry` brings; imported only where a person turned traces on.

Attributes are numbers, names and ids; texts only where the person wants them. Exceptions are recorded by their class,
because their messages may hold code. Start at `OpenTelemetryTracer`.
"""

from __future__ import annotations

import asyncio
import os
import weakref
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from server.observation.trace_file import TraceFile
from server.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from opentelemetry.sdk.trace.export import SpanExporter

    from agents.ports.tracing import Value

NAME = "starling"
USUAL_PATH = "/v1/traces"
FLUSH_MS = 2000
EXPORT_S = 5.0
DELAY_MS = 500
MOST_SPANS = 4096
MOST_ATTRIBUTES = 40
LONGEST_TEXT = 2000

# Names of OpenTelemetry's conventions; any other attribute is named after Starling.
CONVENTIONS = {
    "agent": "gen_ai.agent.name",
    "answer_tokens": "gen_ai.usage.output_tokens",
    "language": "code.language",
    "model": "gen_ai.request.model",
    "prompt_tokens": "gen_ai.usage.input_tokens",
    "request": "rpc.jsonrpc.request_id",
    "session": "session.id",
    "tool": "gen_ai.tool.name",
    "user": "user.id",
}


class RecordedSpan:
    """A span that is recorded.

    Args:
        span: the SDK's.
        clean: removes secrets from a text; None to drop texts.
    """

    __slots__ = ("_clean", "_span")

    def __init__(self, span: trace.Span, clean: Callable[[str], str] | None) -> None:
        self._span = span
        self._clean = clean

    def set(self, **attributes: Value) -> None:
        """Set attributes."""
        self._span.set_attributes(_name_attributes(attributes))

    def set_text(self, name: str, text: str) -> None:
        """Set the beginning of a text, without secrets; drop it unless the person wants texts."""
        if self._clean is not None and self._span.is_recording():
            self._span.set_attribute(f"{NAME}.text.{name}", self._clean(text)[:LONGEST_TEXT])


class OpenTelemetryTracer:
    """Records spans and hands them to exporters in the background. Implements `agents.ports.tracing.Tracer`.

    Args:
        exporters: where spans go.
        clean: removes secrets from a text; None to drop texts.
    """

    def __init__(self, exporters: list[SpanExporter], clean: Callable[[str], str] | None) -> None:
        resource = Resource({"service.name": NAME, "service.version": VERSION, "process.pid": os.getpid()})
        limits = SpanLimits(max_span_attributes=MOST_ATTRIBUTES, max_span_attribute_length=LONGEST_TEXT)
        self._clean = clean
        self._provider = TracerProvider(resource=resource, span_limits=limits)
        for exporter in exporters:
            self._provider.add_span_processor(
                BatchSpanProcessor(exporter, max_queue_size=MOST_SPANS, schedule_delay_millis=DELAY_MS)
            )
        self._tracer = self._provider.get_tracer(NAME, VERSION)
        _open.add(self)

    @contextmanager
    def open_span(self, name: str, attributes: Mapping[str, Value]) -> Iterator[RecordedSpan]:
        """Yield a span that lasts as long as the `with` block, a child of the span around it."""
        with self._tracer.start_as_current_span(
            name, attributes=_name_attributes(attributes), record_exception=False, set_status_on_exception=False
        ) as span:
            try:
                yield RecordedSpan(span, self._clean)
            except (asyncio.CancelledError, GeneratorExit):
                span.set_attribute(f"{NAME}.cancelled", True)
                raise
            except BaseException as error:
                span.set_attribute("error.type", type(error).__name__)
                span.set_status(trace.StatusCode.ERROR)
                raise

    def get_span(self) -> RecordedSpan:
        """Return the span around the caller; one that drops everything if there is none."""
        return RecordedSpan(trace.get_current_span(), self._clean)

    def flush(self) -> None:
        """Hand all ended spans to the exporters, within `FLUSH_MS`."""
        self._provider.force_flush(FLUSH_MS)

    def close(self) -> None:
        """Hand all ended spans to the exporters, and record no more."""
        self.flush()
        self._provider.shutdown()


_open: weakref.WeakSet[OpenTelemetryTracer] = weakref.WeakSet()


def flush_all() -> None:
    """Hand all ended spans of this process to their exporters, before the process ends without its usual way out."""
    for tracer in tuple(_open):
        tracer.flush()


def make_exporters(file: Path | None, max_bytes: int, endpoint: str) -> list[SpanExporter]:
    """Return the exporters for a file (None for none, at most `max_bytes`) and for an OTLP endpoint ("" for none)."""
    exporters: list[SpanExporter] = []
    if file is not None:
        exporters.append(TraceFile(file, max_bytes))
    if endpoint:
        bare = not urlsplit(endpoint).path.strip("/")
        exporters.append(OTLPSpanExporter(endpoint.rstrip("/") + USUAL_PATH if bare else endpoint, timeout=EXPORT_S))
    return exporters


def _name_attributes(attributes: Mapping[str, Value]) -> dict[str, Value]:
    """Return the attributes under the names that are exported."""
    return {CONVENTIONS.get(name, f"{NAME}.{name}"): value for name, value in attributes.items()}
