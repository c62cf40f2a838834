"""The file of traces: one JSON object of OTLP a line, for this user alone, within a bound.

Several processes may write to the same file: each batch is one write at the end of the file. A file that would become
too large is renamed first, and one old file is kept. OpenTelemetry's collector reads such files (`otlpjsonfile`).
Start at `TraceFile`.
"""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from starling_files import make_folder, open_private

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from opentelemetry.sdk.trace import ReadableSpan

logger = logging.getLogger(__name__)

OLD = ".1"
"""Ending of the old file's name."""


class TraceFile(SpanExporter):
    """Writes spans to a file.

    Args:
        path: the file.
        max_bytes: its largest size.
    """

    def __init__(self, path: Path, max_bytes: int) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._failed = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Write spans as lines, one for each; drop them if the file cannot be written, which is logged once."""
        data = b"".join(json.dumps(describe_span(span)).encode() + b"\n" for span in spans)
        try:
            make_folder(self._path.parent)
            if self._path.is_file() and self._path.stat().st_size + len(data) > self._max_bytes:
                self._path.replace(self._path.with_name(self._path.name + OLD))
            with open_private(self._path, "ab") as file:
                file.write(data)
        except OSError as error:
            if not self._failed:
                logger.warning("traces cannot be written: %s", error.strerror or error)
            self._failed = True
            return SpanExportResult.FAILURE
        return SpanExportResult.SUCCESS


def describe_span(span: ReadableSpan) -> dict[str, Any]:
    """Return a span as the JSON of OTLP."""
    context, parent = span.context, span.parent
    described: dict[str, Any] = {
        "traceId": f"{context.trace_id:032x}" if context is not None else "",
        "spanId": f"{context.span_id:016x}" if context is not None else "",
        "name": span.name,
        "kind": 1,
        "startTimeUnixNano": str(span.start_time),
        "endTimeUnixNano": str(span.end_time),
        "attributes": _describe_attributes(span.attributes or {}),
        "status": {} if span.status.is_unset else {"code": 1 if span.status.is_ok else 2},
    }
    if parent is not None:
        described["parentSpanId"] = f"{parent.span_id:016x}"
    scope = span.instrumentation_scope
    return {
        "resourceSpans": [
            {
                "resource": {"attributes": _describe_attributes(span.resource.attributes)},
                "scopeSpans": [{"scope": {"name": scope.name if scope is not None else ""}, "spans": [described]}],
            }
        ]
    }


def _describe_attributes(attributes: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return attributes as the JSON of OTLP."""
    return [{"key": name, "value": _describe_value(value)} for name, value in attributes.items()]


def _describe_value(value: Any) -> dict[str, Any]:  # noqa: ANN401 (OTLP's)
    """Return a value as the JSON of OTLP; a list or any other kind as a string."""
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    return {"stringValue": str(value)}
