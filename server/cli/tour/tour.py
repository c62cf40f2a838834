"""The tour of `make run`: index a workspace, complete code at real places in it, and say how to go on.

Everything shown is what the server answered over LSP, whether it is right or not: what was offered while typing in the
order of the places, what was asked for with a key by its confidence. Places where nothing was offered are counted.
Start at `tour`.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from server.cli.tour import showing
from server.cli.tour.asked import Asked
from server.cli.tour.demo_places import IMPORT, find
from server.lsp.demo_client import AUTOMATIC, INVOKED, DemoClient

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rich.console import Console

    from server.cli.tour.demo_places import DemoPlace


INDEX_S = 100.0  # after that completions are asked for with what is indexed by then


TYPED_S, INVOKED_S = 30.0, 15.0  # for asking; what is not asked by then is left out


INVOKED_PLACES = 12


SHOWN_WHILE_TYPING, SHOWN_WHEN_ASKED = 4, 2


POLL_S = 0.15


async def tour(root: Path, console: Console) -> None:
    """Show what Starling does in `root`.

    Raises:
        RuntimeError: the server ended.
        TimeoutError: the server did not answer.
    """
    showing.opening(console, root)
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
            status = await _indexed(client, bar, task)
            index_s = time.monotonic() - begun
            bar.update(task, description="choosing places", completed=100)
            places = await asyncio.to_thread(find, root)
            typed, invoked = await _asked(client, places, bar, task)
            model = (await client.run_command("starling.status"))["model"] or {}
            statistics = (await client.run_command("starling.stats"))["completion"]
        finally:
            await client.finish()
    showing.indexed(console, status, index_s, client.initialize_ms)
    surest = sorted(invoked, key=lambda one: -(one.answer.confidence or 0.0))
    for asked in _chosen(typed, SHOWN_WHILE_TYPING) + _chosen(surest, SHOWN_WHEN_ASKED):
        showing.completion(console, asked)
    showing.summary(console, typed, invoked, model, statistics)
    for complaint in client.problems:
        console.print(complaint, style="yellow", markup=False)
    showing.next_steps(console)


async def _indexed(client: DemoClient, bar: Progress, task: Any) -> dict[str, Any]:  # noqa: ANN401 (rich's TaskID)
    """Wait for the index; the last status of it."""
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


async def _asked(
    client: DemoClient,
    places: Sequence[DemoPlace],
    bar: Progress,
    task: Any,  # noqa: ANN401
) -> tuple[list[Asked], list[Asked]]:
    """Ask at each place as if someone typed there, then at some where nothing came as if someone pressed a key."""
    bar.update(task, description="asking for completions", total=len(places) or 1, completed=0, figures="")
    typed: list[Asked] = []
    end = time.monotonic() + TYPED_S
    for number, place in enumerate(places):
        if time.monotonic() > end:
            break
        typed.append(Asked(place, await client.complete(place, AUTOMATIC), invoked=False))
        bar.update(task, completed=number + 1, figures=f"{number + 1} places")
    silent = [one.place for one in typed if not one.answer.text]
    invoked: list[Asked] = []
    end = time.monotonic() + INVOKED_S
    for place in silent[:: max(1, len(silent) // INVOKED_PLACES)][:INVOKED_PLACES]:
        if time.monotonic() > end:
            break
        invoked.append(Asked(place, await client.complete(place, INVOKED), invoked=True))
    return typed, invoked


def _chosen(asked: Sequence[Asked], count: int) -> list[Asked]:
    """Places where something was offered, in their order; new kinds of place and new files go before repeated ones."""
    offered = [one for one in asked if one.answer.text]
    chosen: list[Asked] = []
    for fresh in (True, False):
        for one in offered:
            kinds, files = {c.place.kind for c in chosen}, {c.place.path for c in chosen}
            is_fresh = one.place.kind not in kinds and one.place.path not in files
            if len(chosen) < count and one not in chosen and (is_fresh or (not fresh and one.place.kind != IMPORT)):
                chosen.append(one)
    return chosen
