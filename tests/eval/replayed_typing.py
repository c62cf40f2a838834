"""Replayed typing: code is removed and typed again key by key, in real time, through the real server.

`python -m tests.eval.replayed_typing` measures on the test packages, without a model and with the bundled one, and
writes `replayed_typing.csv`; `--beside FOLDER` adds another model. `--model NAME` types only with an installed
model and stores the results of each package; `--seconds` may end that, and the next run continues it. `--write` adds
its row to the table.

After each key the change and a request are sent, and the next key follows after a lognormal gap with a median of
150 ms, with or without an answer. A suggestion on the screen when the next key is due is accepted if the remaining
code begins with it and it has four characters or more; it is wrong if the remaining code does not begin with its first
line. The wrong ones are counted by kind, too (`wrong_kinds.py`).
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import servers
from benchmarks.client import TextBuffer, read_items
from models.local.calibration import count_available_cores
from tests.eval import data, masks, tables
from tests.eval.bundled import add_models_option
from tests.eval.metrics import SEED, compute_percentile
from tests.eval.real.answers import Answers, Key, read_revision
from tests.eval.real.installed import find_entry, identify
from tests.eval.real.running import Run
from tests.eval.wrong_kinds import KINDS, find_kind

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.client import Client, Pending
    from tests.eval.tables import Cell

TABLE = "replayed_typing.csv"
SPANS = 12  # a package
LEAST_CHARACTERS, MOST_CHARACTERS = 20, 80  # of a span
LEAST_ACCEPTED = 4
GAP_MEDIAN_S, GAP_SIGMA = 0.150, 0.5
GAP_LEAST_S, GAP_MOST_S = 0.04, 1.0


@dataclass
class Typed:
    """Counts from the typing of one span.

    Attributes:
        characters: length of the span.
        keys: number of typed keys, without those that accept.
        completed: number of characters that were accepted instead of typed.
        on_screen: number of keys after which a suggestion was shown when the next key was due.
        wrong: number of those suggestions whose first line was not the remaining code.
        suggestions: number of different suggestions; one that stays while it is typed counts once.
        accepted: number of accepted suggestions.
        kinds: number of the wrong suggestions of each kind.
        took_ms: milliseconds of each answer in time.
    """

    characters: int
    keys: int = 0
    completed: int = 0
    on_screen: int = 0
    wrong: int = 0
    suggestions: int = 0
    accepted: int = 0
    kinds: dict[str, int] = field(default_factory=dict)
    took_ms: list[float] = field(default_factory=list)


def choose_spans(package: data.Package, count: int) -> list[tuple[masks.Place, str]]:
    """Return up to `count` random starts of lines, each with the code to type: up to three lines; deterministic."""
    found = []
    for place in masks.choose_places(package, 300):
        code = ""
        for line in place.text[place.start :].split("\n")[:3]:
            if code and len(code) + len(line) >= MOST_CHARACTERS:
                break
            code += ("\n" if code else "") + line
        if place.cut == "line" and LEAST_CHARACTERS <= len(code.rstrip()) <= MOST_CHARACTERS:
            found.append((place, code.rstrip()))
    return random.Random(SEED).sample(found, min(count, len(found)))  # noqa: S311 - a sample that repeats


def draw_gaps() -> Iterator[float]:
    """Yield random times between keys, in seconds, without end; deterministic."""
    rng = random.Random(SEED)  # noqa: S311 - typing that repeats
    while True:
        gap = GAP_MEDIAN_S * 2.718281828 ** rng.gauss(0.0, GAP_SIGMA)
        yield min(max(gap, GAP_LEAST_S), GAP_MOST_S)


def take_key(remaining: str) -> str:
    """Return the text that the next key adds: a character, or a line break with the editor's indentation."""
    if not remaining.startswith("\n"):
        return remaining[0]
    return remaining[: len(remaining) - len(remaining[1:].lstrip(" "))]


def read_suggestion(buffer: TextBuffer, at: int, pending: Pending) -> tuple[str, dict[str, Any]] | None:
    """Return the text that the first item of an answer would add after the cursor at offset `at`, and the item.

    Returns None without an answer yet, after an error, and if the answer adds nothing.
    """
    if not pending.event.is_set() or pending.error is not None:
        return None
    found = read_items(pending.result)
    if not found:
        return None
    text = str(found[0]["insertText"])
    if span := found[0].get("range"):
        text = text[buffer.find_position(at)["character"] - span["start"]["character"] :]
    return (text, found[0]) if text else None


def type_span(client: Client, place: masks.Place, code: str, gap: Iterator[float]) -> Typed:
    """Type `code` at `place`, with times between keys from `gap`; return the counts."""
    text = place.text[: place.start] + place.text[place.start + len(code) :]
    buffer = TextBuffer(client, place.path.as_uri(), text)
    typed, at, remaining, expected = Typed(len(code)), place.start, code, ""
    due = time.perf_counter()
    while remaining:
        new = take_key(remaining)
        buffer.replace(at, at, new)
        at, remaining = at + len(new), remaining[len(new) :]
        typed.keys += 1
        pending = buffer.ask(at)[1]
        due = max(due + next(gap), time.perf_counter())
        time.sleep(max(0.0, due - time.perf_counter()))
        if pending.event.is_set():
            typed.took_ms.append(pending.took_ms)
        shown = read_suggestion(buffer, at, pending) if remaining else None
        expected = expected.removeprefix(new) if expected.startswith(new) else ""
        if shown is None:
            expected = ""
            continue
        suggested, item = shown
        is_new, expected = suggested != expected, suggested
        typed.on_screen += 1
        typed.suggestions += is_new
        if not remaining.startswith(suggested.split("\n", 1)[0]):
            typed.wrong += 1
            kind = find_kind(buffer.text, at, suggested, remaining, is_new=is_new)
            typed.kinds[kind] = typed.kinds.get(kind, 0) + 1
        if remaining.startswith(suggested) and len(suggested) >= LEAST_ACCEPTED:
            buffer.replace(at, at, suggested)
            at, remaining, expected = at + len(suggested), remaining[len(suggested) :], ""
            typed.accepted += 1
            typed.completed += len(suggested)
            if command := item.get("command"):
                client.run_command(command["command"], *command.get("arguments", []))
    buffer.close()
    return typed


def type_package(
    package: data.Package, options: dict[str, Any] | None, count: int, model: Path | None = None
) -> tuple[list[Typed], int]:
    """Type `count` spans of a package in one session; return the counts of each, and the number of model runs.

    Args:
        package: the package.
        options: settings of the server; None for its defaults.
        count: number of spans.
        model: folder of a model to install for the session; None for none.
    """
    gap = draw_gaps()
    with tempfile.TemporaryDirectory() as home, ExitStack() as stack:
        if model is not None:
            (folder := Path(home, "config", "models")).mkdir(parents=True)
            (folder / model.name).symlink_to(model.resolve(), target_is_directory=True)
        client = stack.enter_context(servers.open_session(package.root, Path(home), options=options))
        chosen = choose_spans(package, count)
        warm = TextBuffer(client, chosen[0][0].path.as_uri(), chosen[0][0].holed)
        warm.ask(chosen[0][0].start, invoked=True)[1].wait()  # the model is loaded
        warm.close()
        before = client.run_command("starling.stats")["completion"]["model_runs"]
        typed = [type_span(client, place, code, gap) for place, code in chosen]
        runs = client.run_command("starling.stats")["completion"]["model_runs"] - before
    return typed, runs


def make_row(arm: str, typed: list[Typed], runs: int) -> dict[str, Cell]:
    """Return the row of the table for an arm; intervals are over spans."""
    keys = sum(one.keys for one in typed)
    shown = [one for one in typed if one.suggestions]
    took = [value for one in typed for value in one.took_ms]
    return {
        "arm": arm,
        "n": len(typed),
        "keys": keys,
        **tables.format_interval("completed_share", [one.completed / one.characters for one in typed]),
        **tables.format_interval("keys_with_something_shown", [one.on_screen / one.keys for one in typed]),
        **tables.format_interval("accepted_of_shown", [one.accepted / one.suggestions for one in shown]),
        **tables.format_interval("wrong_per_100_keys", [100 * one.wrong / one.keys for one in typed]),
        **{f"wrong_{kind}": _count_kind(typed, kind) for kind in KINDS},
        "answers_in_time_share": round(len(took) / keys, 3),
        "model_runs_per_key": round(runs / keys, 3),
        "ms_p50": round(compute_percentile(took, 50), 1),
        "ms_p95": round(compute_percentile(took, 95), 1),
        "ms_p99": round(compute_percentile(took, 99), 1),
    }


def _count_kind(typed: Sequence[Typed], kind: str) -> float:
    """Return the mean number of wrong suggestions of `kind` in 100 keys of a span."""
    return round(sum(100 * one.kinds.get(kind, 0) / one.keys for one in typed) / len(typed), 3)


def type_with_installed(name: str, split: str, count: int, run: Run) -> dict[str, Cell] | None:
    """Type with the installed model `name`; return the row of the packages done so far, None without any.

    Stores the results of each package, and continues those of an earlier run.
    """
    entry = find_entry(name)
    place = f"{count} spans of {{0.name}} {{0.version}}"
    packages = data.list_packages(split)
    items = [(Key("typing", identify(entry), "typing", place.format(one), read_revision()), one) for one in packages]
    options = {"model": {"name": entry.name}}

    def answer(package: data.Package) -> dict[str, Any]:
        """Type the spans of a package; return the counts and the number of model runs."""
        typed, runs = type_package(package, options, count, entry.folder)
        return {"typed": [asdict(one) for one in typed], "runs": runs}

    run.collect(items, lambda _: answer)
    done = [found for key, _ in items if (found := run.answers.get(key)) is not None]
    typed = [Typed(**one) for found in done for one in found["typed"]]
    runs = sum(found["runs"] for found in done)
    return make_row(f"recall and {entry.name}", typed, runs) if done else None


def main() -> int:
    """Type, print the rows, and write the table of the test packages; return the exit status."""
    parser = argparse.ArgumentParser(description="Replay typing through the real server.")
    parser.add_argument("--split", choices=["dev", "test", "new"], default="test", help="only test is written")
    parser.add_argument("--count", type=int, default=SPANS, help="spans a package; other than the default only prints")
    parser.add_argument("--model", metavar="NAME", help="an installed model, alone")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="how long to type with it, at most")
    parser.add_argument("--write", action="store_true", help="add the line of --model to the table")
    add_models_option(parser)
    chosen = parser.parse_args()
    if chosen.model:
        run = Run(Answers.open_default(), time.monotonic() + chosen.seconds, count_available_cores())
        line = type_with_installed(chosen.model, chosen.split, chosen.count, run)
        table = [line] if line is not None else []
    else:
        table = compare_models(chosen.split, chosen.count, chosen.beside)
    for line in table:
        print(", ".join(f"{name} {value}" for name, value in line.items()), flush=True)
    if table and chosen.split == "test" and chosen.count == SPANS and (chosen.write or not chosen.model):
        print(f"written: {tables.write_table(TABLE, table, keep='arm').name}")
    return 0


def compare_models(split: str, count: int, folders: Sequence[Path]) -> list[dict[str, Cell]]:
    """Type without a model, with the bundled one, and with those in `folders`; return a row for each."""
    arms: list[tuple[str, dict[str, Any] | None, Path | None]] = [
        ("recall", servers.NO_MODEL, None),
        ("recall and model", None, None),
        *((f"recall and {folder.name}", {"model": {"name": folder.name}}, folder) for folder in folders),
    ]
    table = []
    for arm, options, model in arms:
        typed: list[Typed] = []
        runs = 0
        for package in data.list_packages(split):
            more, ran = type_package(package, options, count, model)
            typed += more
            runs += ran
        table.append(make_row(arm, typed, runs))
    return table


if __name__ == "__main__":
    sys.exit(main())
