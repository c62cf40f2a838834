"""Memory of the server while a person types: six documents, a key every 50 ms, a completion request at each key.

`make bench` types for three minutes without a model and with the bundled one; for longer by hand:
`python -m benchmarks.soak --minutes 60`. Start at `type_for`.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from benchmarks import servers, workspaces
from benchmarks.client import TextBuffer
from benchmarks.record import Record, compute_percentile, summarize

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.client import Client, Pending

FILES = 60
DOCUMENTS = 6
KEY_S = 0.05
MINUTES = 3.0
SETTLED_S = 60.0  # by then everything is loaded and used; from then on memory is to stay
SAMPLE_S = 1.0
WAIT_S = 2.0  # for an answer, before the next key
MIB = 2**20
MOST_MIB = 60.0  # above the start, with the model
MOST_MIB_A_THOUSAND_KEYS = 2.0  # after the first minute, without


@dataclass
class Soak:
    """Measurements of one run.

    Attributes:
        samples: seconds since the first answer, and resident memory in MiB.
        took_ms: milliseconds of each answer in time.
        keys: number of keys typed.
        keys_settled: number of keys typed in the first minute.
        cpu_s: processor time of the server, in seconds.
        model_runs: number of runs of the model.
    """

    samples: list[tuple[float, float]] = field(default_factory=list)
    took_ms: list[float] = field(default_factory=list)
    keys: int = 0
    keys_settled: int = 0
    cpu_s: float = 0.0
    model_runs: int = 0

    @property
    def start_mib(self) -> float:
        """Memory at the first answer, in MiB."""
        return self.samples[0][1]

    @property
    def growth_mib(self) -> float:
        """Highest sample less `start_mib`, in MiB."""
        return max(value for _, value in self.samples) - self.start_mib

    @property
    def growth_mib_per_thousand_keys(self) -> float:
        """Growth in MiB for 1,000 keys after the first minute, between the lowest of the samples at both ends."""
        settled = [sample for sample in self.samples if sample[0] >= SETTLED_S] or self.samples
        first = min(value for at, value in settled if at <= settled[0][0] + 10)
        last = min(value for at, value in settled if at >= settled[-1][0] - 10)
        return (last - first) / max(1, self.keys - self.keys_settled) * 1000

    def make_details(self) -> dict[str, Any]:
        """Return further figures for `results.json`."""
        marks = (15, 60, 180, 600, 3600)
        at = {f"after_{mark}_s": value for mark in marks for when, value in self.samples if mark <= when < mark + 1}
        return {
            "start": self.start_mib,
            **at,
            "end": self.samples[-1][1],
            "growth": self.growth_mib,
            "a_thousand_keys": self.growth_mib_per_thousand_keys,
            "keys": self.keys,
            "model_runs": self.model_runs,
            "answer_ms": summarize(self.took_ms),
            "cpu_s_a_thousand_keys": self.cpu_s / self.keys * 1000,
        }


def type_for(minutes: float, options: dict[str, Any] | None) -> Soak:
    """Type for `minutes` with the settings `options`; return the measurements of the server."""
    soak = Soak()
    with tempfile.TemporaryDirectory(prefix="starling-soak-") as scratch:
        workspace = workspaces.make_workspace(Path(scratch, "workspace"), FILES)
        with servers.open_session(workspace, Path(scratch, "home"), options=options) as client:
            process = psutil.Process(client.process.pid)
            keys = _type_keys([TextBuffer(client, path.as_uri(), text) for path, text in _choose_documents(workspace)])
            wants_model = options is not servers.NO_MODEL
            client.wait_until(lambda: _type_and_check_model(client, keys, wants_model=wants_model), "the first answer")
            begun = due = time.monotonic()
            cpu_before = _read_cpu_s(process)
            while (now := time.monotonic() - begun) < minutes * 60:
                if now >= len(soak.samples) * SAMPLE_S:
                    soak.samples.append((now, process.memory_info().rss / MIB))
                soak.keys_settled += now < SETTLED_S
                soak.keys += 1
                pending = _type_key(keys)
                if pending.event.is_set():
                    soak.took_ms.append(pending.took_ms)
                due = max(due + KEY_S, time.monotonic())
                time.sleep(max(0.0, due - time.monotonic()))
            soak.cpu_s = _read_cpu_s(process) - cpu_before
            soak.model_runs = client.run_command("starling.stats")["completion"]["model_runs"]
    return soak


def _type_and_check_model(client: Client, keys: Iterator[tuple[TextBuffer, int]], *, wants_model: bool) -> bool:
    """Type a key and wait for its answer; return whether the model has run, or True if no model is wanted."""
    buffer, offset = next(keys)
    buffer.ask(offset, invoked=True)[1].wait()
    return not wants_model or client.run_command("starling.stats")["completion"]["model_runs"] > 0


def _type_key(keys: Iterator[tuple[TextBuffer, int]]) -> Pending:
    """Type a key, request a completion, wait up to `WAIT_S` seconds for the answer, and return the request."""
    buffer, offset = next(keys)
    pending = buffer.ask(offset)[1]
    with suppress(Exception):
        pending.wait(WAIT_S)
    return pending


def _read_cpu_s(process: psutil.Process) -> float:
    """Return the processor time of a process, in seconds."""
    times = process.cpu_times()
    return times.user + times.system


def _choose_documents(workspace: Path) -> list[tuple[Path, str]]:
    """Return paths and texts of `DOCUMENTS` files with at least 40 lines of code."""
    found = []
    paths = workspaces.list_python_files(workspace, below_bytes=workspaces.MAX_FILE_BYTES)
    random.Random(workspaces.SEED).shuffle(paths)  # noqa: S311 - an order that repeats, no secret
    for path in paths:
        text = path.read_bytes().decode("utf-8", "replace")
        if "\r" not in text and len(workspaces.CODE_LINE.findall(text)) >= 40:
            found.append((path, text))
    return found[:DOCUMENTS]


def _type_keys(buffers: list[TextBuffer]) -> Iterator[tuple[TextBuffer, int]]:
    """Type the code lines of the documents again, a line of each in turn, for ever; yield the cursor after each key."""
    places = [0] * len(buffers)
    while True:
        for number, buffer in enumerate(buffers):
            line = workspaces.CODE_LINE.search(buffer.text, places[number]) or workspaces.CODE_LINE.search(buffer.text)
            assert line is not None
            start, end = line.span(2)
            buffer.replace(start, end, "")
            for index, character in enumerate(line[2]):
                buffer.replace(start + index, start + index, character)
                yield buffer, start + index + 1
            places[number] = start + len(line[2])


def measure_without_model() -> Record:
    """Measure the growth of resident memory for 1,000 keys after the first minute, without a model."""
    soak = type_for(MINUTES, servers.NO_MODEL)
    return Record(
        what=f"resident memory a 1,000 keys after the first minute, {MINUTES:g} minutes of typing without a model",
        unit="MiB",
        value=max(0.0, soak.growth_mib_per_thousand_keys),
        n=soak.keys,
        most=MOST_MIB_A_THOUSAND_KEYS,
        details=soak.make_details(),
    )


def measure_with_model() -> Record:
    """Measure the growth of resident memory after the first answer, with the bundled model."""
    return _measure_with_model(MINUTES)


def _measure_with_model(minutes: float) -> Record:
    """Measure the growth of resident memory in `minutes` of typing with the bundled model."""
    soak = type_for(minutes, None)
    return Record(
        what=f"highest resident memory above that at the model's first answer, {minutes:g} minutes of typing",
        unit="MiB",
        value=soak.growth_mib,
        n=soak.keys,
        most=MOST_MIB,
        details=soak.make_details(),
    )


def measure_ten_minutes() -> Record:
    """Measure the growth of resident memory in ten minutes with the bundled model; too long for `make bench`."""
    return _measure_with_model(10.0)


def main() -> None:
    """Type for the minutes that were asked for and print the figures."""
    parser = argparse.ArgumentParser(description="Type for long and watch the server's memory.")
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--no-model", action="store_true")
    chosen = parser.parse_args()
    soak = type_for(chosen.minutes, servers.NO_MODEL if chosen.no_model else None)
    for name, value in soak.make_details().items():
        print(name, value)
    print("median answer", compute_percentile(soak.took_ms, 50), "ms")


if __name__ == "__main__":
    main()
