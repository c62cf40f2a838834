"""Command line and loop that all measurements of real models have in common. Start at `Run`."""

from __future__ import annotations

import argparse
import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from models.local.calibration import count_available_cores
from tests.eval import tables
from tests.eval.real.answers import Answers, Key
from tests.eval.real.installed import describe_processor, find_entry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from models.catalog.catalog import ModelEntry
    from tests.eval.tables import Cell

Item = TypeVar("Item")
Answer = dict[str, Any]


@dataclass(frozen=True)
class Run:
    """A run of a measurement.

    Attributes:
        answers: the stored answers, to which new ones are added.
        until: time of `time.monotonic` after which no new item is asked.
        threads: number of threads of a model.
    """

    answers: Answers
    until: float
    threads: int

    def collect(
        self, items: Iterable[tuple[Key, Item]], opened: Callable[[ExitStack], Callable[[Item], Answer]]
    ) -> None:
        """Answer the items that have no stored answer until the time is over, and store the answers with the machine.

        Args:
            items: items with the keys of their answers.
            opened: loads a model and returns a function that answers an item; called once, if any answer is missing.
        """
        missing = [(key, item) for key, item in items if self.answers.get(key) is None]
        if not missing or time.monotonic() > self.until:
            return
        machine = {"processor": describe_processor(), "threads": self.threads}
        with ExitStack() as stack:
            answer = opened(stack)
            for key, item in missing:
                if time.monotonic() > self.until:
                    return
                self.answers.put(key, {**answer(item), **machine})


def make_parser(description: str, arms: Sequence[str], count: int, counted: str, table: str) -> argparse.ArgumentParser:
    """Return a parser with the options that every measurement has.

    Args:
        description: description of the measurement.
        arms: names of its arms.
        count: default of the option `--count`.
        counted: help of the option `--count`.
        table: name of the table's file.
    """
    made = argparse.ArgumentParser(description=description)
    made.add_argument("--model", nargs="+", required=True, metavar="NAME", help="installed models, by name")
    made.add_argument("--arm", nargs="*", choices=arms, default=list(arms), help="arms to ask; none only prints")
    made.add_argument("--count", type=int, default=count, help=counted)
    made.add_argument("--seconds", type=float, default=float("inf"), help="how long to ask, at most")
    made.add_argument("--threads", type=int, default=count_available_cores())
    made.add_argument("--write", action="store_true", help=f"write {table} of the answers that are there")
    return made


def measure(
    options: argparse.Namespace,
    table: str,
    collect: Callable[[ModelEntry, str, Run], None],
    rows: Callable[[ModelEntry, Answers], list[dict[str, Cell]]],
) -> int:
    """Ask each arm of each model, print the rows, and write the table for `--write`.

    Args:
        options: options of the command line.
        table: name of the table's file.
        collect: has one arm of one model answer.
        rows: returns the rows of one model from the stored answers.

    Returns:
        The exit status.
    """
    run = Run(Answers.open_default(), time.monotonic() + options.seconds, options.threads)
    lines: list[dict[str, Cell]] = []
    for name in options.model:
        entry = find_entry(name)
        for arm in options.arm:
            collect(entry, arm, run)
        lines += rows(entry, run.answers)
    for line in lines:
        print(", ".join(f"{field} {value}" for field, value in line.items() if not field.endswith(("_low", "_high"))))
    if options.write:
        print(f"written: {tables.write_table(table, lines, keep='model').name}")
    return 0
