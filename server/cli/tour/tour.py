"""The tour of `make run`: indexes a workspace, completes code at real places in it, and shows the next steps.

Shows the server's answers over LSP as they are, right or wrong: first suggestions while typing, in the order of the
places, then those asked for with a key, by confidence. Counts places without a suggestion. Start at `run_tour`.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from server.cli.tour import showing
from server.cli.tour.demo_answer import DemoAnswer
from server.cli.tour.demo_places import IMPORT, find_places
from server.lsp.demo_client import AUTOMATIC, INVOKED, DemoClient

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rich.console import Console

    from server.cli.tour.demo_places import DemoPlace


INDEX_S = 100.0  # longest wait for the index; the tour then goes on with what is indexed
TYPED_S, INVOKED_S = 30.0, 15.0  # time for asking; places that are left then are not asked
INVOKED_PLACES = 12
SHOWN_WHILE_TYPING, SHOWN_WHEN_ASKED = 4, 2
POLL_S = 0.15


async def run_tour(root: Path, console: Console) -> None:
    """Start a server on `root`, request completions at places in its files, and show them on `console`.

    Raises:
        RuntimeError: the server ended.
        TimeoutError: the server did not answer.
    """
    showing.show_opening(console, root)
    bar = Progress(
        SpinnerColumn(), TextColumn("[progress.description]{task.description}"), BarColumn(),
        TextColumn("{task.fields[figures]}"), TimeElapsedColumn(), console=console, transient=True,
    )  # fmt: skip
    with bar:
        task = bar.add_task("starting the server", total=100, figures="")
        client = await DemoClient.start(root, lambda percentage: bar.update(task, completed=percentage))
        try:
            begun = time.monotonic()
            bar.update(task, description="indexing")
            status = await _wait_for_index(client, bar, task)
            index_s = time.monotonic() - begun
            bar.update(task, description="choosing places", completed=100)
            places = await asyncio.to_thread(find_places, root)
            typed, invoked = await _ask_at_places(client, places, bar, task)
            model = (await client.run_command("starling.status"))["model"] or {}
            statistics = (await client.run_command("starling.stats"))["completion"]
        finally:
            await client.finish()
    showing.show_index(console, status, index_s, client.initialize_ms)
    surest = sorted(invoked, key=lambda one: -(one.answer.confidence or 0.0))
    for answered in _choose_shown(typed, SHOWN_WHILE_TYPING) + _choose_shown(surest, SHOWN_WHEN_ASKED):
        showing.show_completion(console, answered)
    showing.show_summary(console, typed, invoked, model, statistics)
    for problem in client.problems:
        console.print(problem, style="yellow", markup=False)
    showing.show_next_steps(console)


async def _wait_for_index(client: DemoClient, bar: Progress, task: Any) -> dict[str, Any]:  # noqa: ANN401 (rich's TaskID)
    """Wait until the index is ready, failed or off, at most `INDEX_S`; return its last status, {} for no status."""
    end = time.monotonic() + INDEX_S
    while True:
        status = (await client.run_command("starling.status"))["index"]
        if status is not None:
            bar.update(task, figures=f"{status['files']:,} files")
            if status["state"] in {"ready", "failed", "off"} or time.monotonic() > end:
                return dict(status)
        if time.monotonic() > end:
            return {}
        await asyncio.sleep(POLL_S)


async def _ask_at_places(
    client: DemoClient,
    places: Sequence[DemoPlace],
    bar: Progress,
    task: Any,  # noqa: ANN401
) -> tuple[list[DemoAnswer], list[DemoAnswer]]:
    """Ask at each place as if a person typed, then at some places without a suggestion as if a key was pressed.

    Return the answers of both kinds. Each kind ends early when its time is over.
    """
    bar.update(task, description="asking for completions", total=len(places) or 1, completed=0, figures="")
    typed: list[DemoAnswer] = []
    end = time.monotonic() + TYPED_S
    for number, place in enumerate(places):
        if time.monotonic() > end:
            break
        typed.append(DemoAnswer(place, await client.complete(place, AUTOMATIC), invoked=False))
        bar.update(task, completed=number + 1, figures=f"{number + 1} places")
    silent = [one.place for one in typed if not one.answer.text]
    invoked: list[DemoAnswer] = []
    end = time.monotonic() + INVOKED_S
    for place in silent[:: max(1, len(silent) // INVOKED_PLACES)][:INVOKED_PLACES]:
        if time.monotonic() > end:
            break
        invoked.append(DemoAnswer(place, await client.complete(place, INVOKED), invoked=True))
    return typed, invoked


def _choose_shown(answers: Sequence[DemoAnswer], count: int) -> list[DemoAnswer]:
    """Return up to `count` answers with a suggestion; repeated kinds and files come last, repeated imports never."""
    offered = [one for one in answers if one.answer.text]
    chosen: list[DemoAnswer] = []
    for fresh in (True, False):
        for one in offered:
            kinds, files = {c.place.kind for c in chosen}, {c.place.path for c in chosen}
            is_fresh = one.place.kind not in kinds and one.place.path not in files
            if len(chosen) < count and one not in chosen and (is_fresh or (not fresh and one.place.kind != IMPORT)):
                chosen.append(one)
    return chosen
