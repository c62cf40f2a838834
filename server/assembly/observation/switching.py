"""Turns metrics and traces on and off by the settings. Start at `apply`."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agents.ports import tracing
from models.metrics import CONTENT_TYPE
from server.assembly import log
from server.assembly.observation.gauges import render_metrics
from server.assembly.observation.health import can_record, check_server, describe
from server.assembly.observation.observation_settings import split_address
from server.observation.listener import Listener, Page
from server.state import paths

if TYPE_CHECKING:
    from server.assembly.observation.observation_settings import MetricsSettings, TracesSettings
    from server.assembly.settings import Settings
    from server.observation.opentelemetry_tracer import OpenTelemetryTracer

TRACES_FILE = "traces.jsonl"
HEALTH_KIND = "application/json"


@dataclass(slots=True)
class _Running:
    """The settings of metrics and traces in this process, and what runs by them, None for none.

    Attributes:
        metrics: the settings of metrics.
        listener: shows them.
        metrics_problem: why it does not, "" if it does or should not.
        traces: the settings of traces, and whether they hold texts.
        tracer: records spans.
        traces_problem: why it does not, "" if it does or should not.
    """

    metrics: MetricsSettings | None = None
    listener: Listener | None = None
    metrics_problem: str = ""
    traces: tuple[TracesSettings, bool] | None = None
    tracer: OpenTelemetryTracer | None = None
    traces_problem: str = ""


_running = _Running()
_lock = threading.Lock()


def apply(settings: Settings, *, metrics: bool = True) -> tuple[str, ...]:
    """Turn metrics and traces on or off as `settings` say, for this process; return what is wrong, a sentence each.

    Does nothing about settings that have not changed. Without `metrics` turns on traces alone, as for a command that
    ends soon. Blocking.
    """
    with _lock:
        if metrics and settings.metrics != _running.metrics:
            _close_listener()
            _running.metrics, _running.metrics_problem = settings.metrics, _listen(settings.metrics.listen)
        traces = (settings.traces, settings.log.texts)
        if traces != _running.traces:
            _close_tracer()
            _running.traces, _running.traces_problem = traces, _trace(*traces)
        return tuple(filter(None, [_running.metrics_problem, _running.traces_problem]))


def end() -> None:
    """Turn everything off. Idempotent."""
    with _lock:
        _close_listener()
        _close_tracer()
        _running.metrics = _running.traces = None


def make_metrics_page() -> Page:
    """Return the metrics of this process. Blocking."""
    return Page(render_metrics(), CONTENT_TYPE)


def make_health_page() -> Page:
    """Return the state of each part of this process; an error status if no change can be recorded. Blocking."""
    checks = check_server()
    status = "200 OK" if can_record(checks) else "503 Service Unavailable"
    return Page(json.dumps(describe(checks), indent=1) + "\n", HEALTH_KIND, status)


def make_host_page() -> Page:
    """Return the metrics of the model host; without a host an empty page. Blocking."""
    from models.errors import HostError  # noqa: PLC0415 (only where it is asked for, as the next)
    from models.host.health_check import fetch_metrics  # noqa: PLC0415
    from server.assembly import hosts  # noqa: PLC0415

    try:
        text = fetch_metrics(hosts.choose_host_address())
    except HostError as error:
        return Page(f"{error}\n", status="502 Bad Gateway")
    return Page(text or "", CONTENT_TYPE, "200 OK" if text != "" else "502 Bad Gateway")


PAGES = {"/metrics": make_metrics_page, "/host/metrics": make_host_page, "/health": make_health_page}
"""The pages for monitoring, by path; any HTTP server of this process may show them."""


def _listen(address: str) -> str:
    """Listen on `address`, if it is not ""; return why that is not possible, "" if it is."""
    if not address:
        return ""
    listener = Listener(*split_address(address), PAGES)
    if problem := listener.start():
        return (
            f"No metrics are shown at {address} ({problem}); another process may listen there, which may be Starling."
        )
    _running.listener = listener
    return ""


def _close_listener() -> None:
    """Close the listener, if there is one."""
    if _running.listener is not None:
        _running.listener.close()
        _running.listener = None


def _trace(settings: TracesSettings, texts: bool) -> str:  # noqa: FBT001 (a setting's value)
    """Begin to record traces, if `settings` turn them on; return why that is not possible, "" if it is.

    Texts are recorded if `texts` is set and traces go to a file alone: none is sent to an endpoint.
    """
    if not (settings.file or settings.endpoint):
        return ""
    try:
        from server.observation import opentelemetry_tracer  # noqa: PLC0415 (an extra, for who turns traces on)
    except ImportError:
        return "No traces are recorded: OpenTelemetry is not installed; install Starling with the extra `telemetry`."
    folder = paths.ensure_writable(paths.log_dir())
    file = (folder.path or paths.log_dir()) / TRACES_FILE if settings.file else None
    exporters = opentelemetry_tracer.make_exporters(file, settings.max_bytes, settings.endpoint)
    clean = log.remove_secrets if texts and not settings.endpoint else None
    _running.tracer = opentelemetry_tracer.OpenTelemetryTracer(exporters, clean)
    tracing.set_tracer(_running.tracer)
    return ""


def _close_tracer() -> None:
    """Stop recording traces."""
    tracing.set_tracer(None)
    if _running.tracer is not None:
        _running.tracer.close()
        _running.tracer = None
