"""The file of traces: OTLP's JSON, for this user alone, within a bound, and nothing in it that is a text."""

from __future__ import annotations

import asyncio
import json
import os
import stat
import threading
from typing import TYPE_CHECKING, Any

import pytest

from agents.ports import tracing
from server.observation.opentelemetry_tracer import OpenTelemetryTracer, flush_all, make_exporters
from server.observation.trace_file import OLD

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


def read_spans(path: Path) -> list[dict[str, Any]]:
    """Return the spans in a file of traces, each with its attributes by name."""
    spans = []
    for line in path.read_text().splitlines():
        (resource,) = json.loads(line)["resourceSpans"]
        (scope,) = resource["scopeSpans"]
        (span,) = scope["spans"]
        values = {one["key"]: next(iter(one["value"].values())) for one in span["attributes"]}
        spans.append({**span, "attributes": values})
    return spans


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """Yield a function that turns on traces to a file, and returns its path; turn them off at the end."""
    made: list[OpenTelemetryTracer] = []

    def start(max_bytes: int = 1_000_000, clean: Callable[[str], str] | None = None) -> Path:
        path = tmp_path / "log" / "traces.jsonl"
        made.append(OpenTelemetryTracer(make_exporters(path, max_bytes, ""), clean))
        tracing.set_tracer(made[-1])
        return path

    yield start
    tracing.set_tracer(None)
    for one in made:
        one.close()


def test_spans_are_written_with_their_parents_and_attributes(begin: Callable[..., Path]) -> None:
    path = begin()
    outer_span = tracing.open_span("outer", request="7", model="mini", count=3, share=0.5, ok=True)
    with outer_span, tracing.open_span("inner"):
        tracing.get_span().set(prompt_tokens=12)
    flush_all()
    inner, outer = read_spans(path)
    assert (inner["name"], outer["name"]) == ("inner", "outer")
    assert inner["parentSpanId"] == outer["spanId"]
    assert inner["traceId"] == outer["traceId"]
    assert len(outer["traceId"]) == 32
    assert int(outer["startTimeUnixNano"]) <= int(inner["startTimeUnixNano"]) <= int(inner["endTimeUnixNano"])
    assert outer["attributes"] == {
        "rpc.jsonrpc.request_id": "7",
        "gen_ai.request.model": "mini",
        "starling.count": "3",
        "starling.share": 0.5,
        "starling.ok": True,
    }
    assert inner["attributes"] == {"gen_ai.usage.input_tokens": "12"}


def test_the_file_is_for_this_user_alone(begin: Callable[..., Path]) -> None:
    path = begin()
    with tracing.open_span("one"):
        pass
    flush_all()
    if os.name != "nt":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_that_grows_is_renamed_and_one_old_file_is_kept(begin: Callable[..., Path]) -> None:
    path = begin(max_bytes=10_000)
    for _ in range(20):
        for number in range(5):
            with tracing.open_span("span", number=number):
                pass
        flush_all()
        assert path.stat().st_size <= 10_000
    assert sorted(one.name for one in path.parent.iterdir()) == [path.name, path.name + OLD]


def test_texts_are_dropped_unless_they_are_wanted_and_secrets_always(
    begin: Callable[..., Path], tmp_path: Path
) -> None:
    path = begin()
    with tracing.open_span("one") as span:
        span.set_text("prompt", "def secret(): ...")
    flush_all()
    assert "def secret" not in path.read_text()
    path.unlink()
    begin(clean=lambda text: text.replace("hunter2", "…"))
    with tracing.open_span("two") as span:
        span.set_text("prompt", "password hunter2 " + "x" * 10_000)
    flush_all()
    (told,) = read_spans(path)
    assert told["attributes"]["starling.text.prompt"].startswith("password … xxx")
    assert len(told["attributes"]["starling.text.prompt"]) == 2000
    assert path.is_relative_to(tmp_path)


def test_an_error_is_recorded_by_its_class_and_raised(begin: Callable[..., Path]) -> None:
    path = begin()
    with pytest.raises(ValueError, match="the code"), tracing.open_span("one"):
        raise ValueError("the code of somebody")
    flush_all()
    (span,) = read_spans(path)
    assert span["status"] == {"code": 2}
    assert span["attributes"] == {"error.type": "ValueError"}
    assert "code of somebody" not in path.read_text()


async def test_a_cancelled_task_is_no_error(begin: Callable[..., Path]) -> None:
    path = begin()

    async def wait() -> None:
        with tracing.open_span("one"):
            await asyncio.sleep(60)

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    flush_all()
    (span,) = read_spans(path)
    assert (span["status"], span["attributes"]) == ({}, {"starling.cancelled": True})


def test_a_call_on_another_thread_is_in_the_span_that_it_was_carried_from(begin: Callable[..., Path]) -> None:
    path = begin()

    def work(name: str) -> None:
        with tracing.open_span(name):
            pass

    with tracing.open_span("outer"):
        threads = [
            threading.Thread(target=tracing.carry_span(work), args=("carried",)),
            threading.Thread(target=work, args=("alone",)),
        ]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
    flush_all()
    spans = {span["name"]: span for span in read_spans(path)}
    assert spans["carried"]["parentSpanId"] == spans["outer"]["spanId"]
    assert "parentSpanId" not in spans["alone"]


def test_a_file_that_cannot_be_written_ends_nothing(
    begin: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    path = begin()
    path.mkdir(parents=True)
    for _ in range(3):
        with tracing.open_span("one"):
            pass
        flush_all()
    assert [one.message for one in caplog.records if "traces cannot be written" in one.message] == [
        "traces cannot be written: Is a directory"
    ]


def test_off_nothing_is_recorded_and_calls_are_unchanged(begin: Callable[..., Path]) -> None:
    path = begin()
    tracing.set_tracer(None)
    with tracing.open_span("one", request="1") as span:
        span.set(count=1)
        span.set_text("prompt", "x")
        tracing.get_span().set(count=2)
    assert tracing.open_span("one") is tracing.open_span("two")
    assert tracing.carry_span(print) is print
    flush_all()
    assert not path.exists()
