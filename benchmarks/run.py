"""Command that measures all speed figures: `make bench`, or `python -m benchmarks.run NAME ...` for some of them.

Prints a line for each and writes `benchmarks/results.json`; figures that were not measured keep their former value.
The file's `machine` describes the machine of all figures, except those that name another one.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[0:0] = [str(ROOT)] if str(ROOT) not in sys.path else []  # so that it runs as a script too

from benchmarks import machine  # noqa: E402 - needs the line above

if TYPE_CHECKING:
    from benchmarks.record import Record

RESULTS = Path(__file__).with_name("results.json")

BY_HAND = {"soak_ten_minutes"}  # measured when it is named

# name in results.json -> module and function, in the order in which they run
BENCHMARKS = {
    "initialize": "initialize:measure",
    "window_start": "resident:measure_start",
    "window_memory": "resident:measure_memory",
    "windows_typing": "resident:measure_typing",
    "keystroke_without_model": "keystroke:measure_without_model",
    "keystroke_with_model": "keystroke:measure_with_model",
    "overhead": "overhead:measure",
    "observation": "observation:measure",
    "observation_keys": "observation:measure_keys",
    "reuse": "reuse:measure",
    "cancel": "cancel:measure",
    "cancel_model": "cancel:measure_model",
    "typing_on": "typing_on:measure",
    "burst": "burst:measure",
    "edit": "edit:measure",
    "code_actions": "code_actions:measure",
    "search": "search:measure",
    "recall": "search:measure_recall",
    "recall_with_libraries": "search:measure_recall_with_libraries",
    "cold_index": "cold_index:measure",
    "second_index": "cold_index:measure_second",
    "index_size": "index_size:measure",
    "memory": "memory:measure",
    "memory_with_model": "memory:measure_with_model",
    "soak_without_model": "soak:measure_without_model",
    "soak_with_model": "soak:measure_with_model",
    "soak_ten_minutes": "soak:measure_ten_minutes",
    "diagnostics": "diagnostics:measure",
    "review_save": "review:measure_save",
    "review_packages": "review:measure_packages",
    "team_step": "team:measure_step",
    "team_first_text": "team:measure_first_text",
    "team_idle_session": "team:measure_idle_session",
    "task_reading": "queued_tasks:measure_reading",
    "task_writing": "queued_tasks:measure_writing",
}


def measure(name: str) -> Record:
    """Run the benchmark `name`; return its record."""
    module, function = BENCHMARKS[name].split(":")
    record: Record = getattr(importlib.import_module(f"benchmarks.{module}"), function)()
    return record


def format_line(name: str, record: dict[str, Any]) -> str:
    """Return a result as one line for a person."""
    ratio = f"  {record['ratio']:.3g} x {record['reference']['name']}" if record.get("ratio") else ""
    verdict = {True: "holds", False: "MISSED", None: ""}[record["holds"]]
    most = f"  (at most {record['most']:g}: {verdict})" if verdict else ""
    return f"{name:24} {record['value']:8.4g} {record['unit']}{ratio}{most}"


def main() -> int:
    """Measure the benchmarks that were named, or all but `BY_HAND`, and write `results.json` after each.

    Return the exit status, 1 if a bound was missed. With `--dry-run` nothing is written.
    """
    parser = argparse.ArgumentParser(description="Measure Starling's speed on this machine.")
    parser.add_argument("names", nargs="*", choices=[[], *BENCHMARKS], metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--dry-run", action="store_true", help="measure and print, but leave results.json as it is")
    chosen = parser.parse_args()
    committed = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {"results": {}}
    former = committed["results"]
    results: dict[str, Any] = {}
    about = machine.describe()
    usual = committed.get("machine", about) if chosen.names else about
    for name in chosen.names or [name for name in BENCHMARKS if name not in BY_HAND]:
        before = time.monotonic()
        results[name] = measure(name).to_json() | ({"machine": about} if about != usual else {})
        print(f"{format_line(name, results[name])}  [{time.monotonic() - before:.0f} s]", flush=True)
        if not chosen.dry_run:
            kept = {known: results.get(known) or former.get(known) for known in BENCHMARKS}
            written = {"machine": usual, "results": {known: kept[known] for known in BENCHMARKS if kept[known]}}
            RESULTS.write_text(json.dumps(written, indent=2) + "\n", encoding="utf-8")
    return 0 if all(record["holds"] is not False for record in results.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
