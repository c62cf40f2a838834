"""Turning metrics and traces on and off by the settings."""

from __future__ import annotations

import socket
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING

import pytest

from agents.ports import tracing
from server import observation
from server.assembly.observation import switching
from server.assembly.observation.observation_settings import MetricsSettings, TracesSettings
from server.assembly.setting_sections import LogSettings
from server.assembly.settings import Settings, resolve
from server.state import paths
from tests.server.observation.test_listener import get
from tests.server.observation.test_trace_file import read_spans

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def _off() -> Iterator[None]:
    """Turn everything off after each test."""
    yield
    switching.end()


def find_port() -> int:
    """Return a free port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def listen_at(port: int) -> Settings:
    """Return settings with metrics at this port."""
    return Settings(metrics=MetricsSettings(listen=f"127.0.0.1:{port}"))


def trace(**values: object) -> Settings:
    """Return settings with these values for traces; `texts` is that of the log."""
    texts = bool(values.pop("texts", False))
    return Settings(traces=TracesSettings(**values), log=LogSettings(texts=texts))  # type: ignore[arg-type]


def record(*names: str) -> None:
    """Record spans, each with a text."""
    for name in names:
        with tracing.open_span(name) as span:
            span.set_text("prompt", "some code")


def test_metrics_follow_the_settings() -> None:
    first, second = find_port(), find_port()
    assert switching.apply(listen_at(first)) == ()
    assert "starling_part_ok" in get(first, "/metrics")
    assert switching.apply(listen_at(first)) == ()
    assert switching.apply(listen_at(second)) == ()
    assert get(second, "/health").startswith("HTTP/1.1 200 ")
    with pytest.raises(ConnectionRefusedError):
        get(first, "/metrics")
    assert switching.apply(Settings()) == ()
    with pytest.raises(ConnectionRefusedError):
        get(second, "/metrics")


def test_a_command_shows_no_metrics() -> None:
    port = find_port()
    assert switching.apply(listen_at(port), metrics=False) == ()
    with pytest.raises(ConnectionRefusedError):
        get(port, "/metrics")


def test_without_a_host_its_page_is_empty() -> None:
    page = switching.make_host_page()
    assert (page.status, page.text) == ("200 OK", "")


def test_traces_follow_the_settings_and_hold_no_texts() -> None:
    file = paths.log_dir() / switching.TRACES_FILE
    assert switching.apply(trace(file=True)) == ()
    record("one")
    assert switching.apply(Settings()) == ()
    record("two")
    assert [one["name"] for one in read_spans(file)] == ["one"]
    assert "some code" not in file.read_text()


def test_texts_are_in_the_file_only_if_the_log_has_them() -> None:
    file = paths.log_dir() / switching.TRACES_FILE
    switching.apply(trace(file=True, texts=True))
    record("one")
    switching.end()
    assert "some code" in file.read_text()


class Collector(HTTPServer):
    """A collector on loopback that keeps what it gets."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), CollectorHandler)
        self.got: list[tuple[str, bytes]] = []


class CollectorHandler(BaseHTTPRequestHandler):
    """Takes what is posted."""

    server: Collector

    def do_POST(self) -> None:
        """Keep a request and answer it."""
        self.server.got.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Print nothing."""


def test_a_collector_gets_spans_and_never_texts() -> None:
    collector = Collector()
    threading.Thread(target=collector.serve_forever, daemon=True).start()
    try:
        address = f"http://127.0.0.1:{collector.server_port}"  # the usual path is added
        assert switching.apply(trace(endpoint=address, file=True, texts=True)) == ()
        record("collected")
        switching.end()
    finally:
        collector.shutdown()
        collector.server_close()
    assert [path for path, _ in collector.got] == ["/v1/traces"]
    assert b"collected" in collector.got[0][1]
    assert b"some code" not in collector.got[0][1]
    assert "some code" not in (paths.log_dir() / switching.TRACES_FILE).read_text()


def test_a_collector_that_is_gone_ends_nothing() -> None:
    assert switching.apply(trace(endpoint=f"http://127.0.0.1:{find_port()}/v1/traces")) == ()
    record("lost")
    switching.end()


def test_without_the_extra_a_sentence_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(observation, "opentelemetry_tracer", raising=False)
    monkeypatch.setitem(sys.modules, "server.observation.opentelemetry_tracer", None)
    (problem,) = switching.apply(trace(file=True))
    assert "install Starling with the extra `telemetry`" in problem


@pytest.mark.parametrize("setting", ["traces.file", "traces.endpoint", "traces.maxBytes"])
def test_no_workspace_and_no_editor_turns_traces_on(tmp_path: Path, setting: str) -> None:
    name = {"file": "file = true", "endpoint": 'endpoint = "http://127.0.0.1:4318"', "maxBytes": "max_bytes = 20000"}
    section, _, key = setting.partition(".")
    (tmp_path / ".starling.toml").write_text(f"[{section}]\n{name[key]}\n")
    value = {"file": True, "endpoint": "http://127.0.0.1:4318", "maxBytes": 20_000}[key]
    settings, problems = resolve(
        editor={section: {key: value}}, roots=[tmp_path], environment={}, user_file=tmp_path / "none.toml"
    )
    assert settings.traces == TracesSettings()
    assert len(problems) == 2


@pytest.mark.parametrize(
    "text", ["ftp://a", "http://", "http://a@b/", "http://a/?x=1", "http://a b", "http://a:0/", "x"]
)
def test_an_endpoint_is_an_address_of_a_server(tmp_path: Path, text: str) -> None:
    settings, (problem,) = resolve(environment={"STARLING_TRACES__ENDPOINT": text}, user_file=tmp_path / "none.toml")
    assert settings.traces.endpoint == ""
    assert "http:// or https:// address" in str(problem)
