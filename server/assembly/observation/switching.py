"""Turns metrics and traces on and off by the settings. Start at `apply`."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from models.metrics import CONTENT_TYPE
from server.assembly.observation.gauges import render_metrics
from server.assembly.observation.health import can_record, check_server, describe
from server.assembly.observation.observation_settings import split_address
from server.observation.listener import Listener, Page

if TYPE_CHECKING:
    from server.assembly.observation.observation_settings import MetricsSettings
    from server.assembly.settings import Settings

HEALTH_KIND = "application/json"


@dataclass(slots=True)
class _Running:
    """The settings of metrics in this process, and their listener, None for none."""

    metrics: MetricsSettings | None = None
    listener: Listener | None = None
    problem: str = ""


_running = _Running()
_lock = threading.Lock()


def apply(settings: Settings) -> tuple[str, ...]:
    """Turn metrics on or off as `settings` say, for this process; return what is wrong, a sentence each.

    Does nothing about settings that have not changed. Blocking.
    """
    with _lock:
        if settings.metrics != _running.metrics:
            _close_listener()
            _running.metrics, _running.problem = settings.metrics, _listen(settings.metrics.listen)
        return tuple(filter(None, [_running.problem]))


def end() -> None:
    """Turn everything off. Idempotent."""
    with _lock:
        _close_listener()
        _running.metrics = None


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
