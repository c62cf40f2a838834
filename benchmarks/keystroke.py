"""From a keystroke to the answer: the change and the request for a completion are sent together, each at another place.

The reference is the bare server given the same keys in the same files: what is above it is what our answer costs.
"""

from __future__ import annotations

import time
from functools import cache
from typing import TYPE_CHECKING, Any

from benchmarks import servers, workspaces
from benchmarks.client import Client, TextBuffer, items
from benchmarks.record import Record, Reference, percentile, spread

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.workspaces import TypingPlace

PLACES = 60
WARM = 10  # the first answers load grammars and the model; a person meets them once
KEYS = 3  # typed at each place; asked at the last
LOOKS_S = 0.5  # from opening a file to the first key: nobody types in the moment in which a file opens


def type_at(client: Client, place: TypingPlace) -> tuple[float, list[dict[str, Any]]]:
    """Take the line's rest away, type its first characters; milliseconds from the last key to its answer, and that."""
    text = place.path.read_bytes().decode("utf-8")
    end = place.start + len(place.line)
    buffer = TextBuffer(client, place.path.as_uri(), text[: place.start] + text[end:])
    time.sleep(LOOKS_S)
    for index, character in enumerate(place.line[: KEYS - 1]):
        buffer.replace(place.start + index, place.start + index, character)
    client.request("starling/none", None).event.wait()  # unknown to every server: answered once all before it is read
    at = place.start + KEYS - 1
    buffer.replace(at, at, place.line[KEYS - 1])
    pending = buffer.ask(at + 1)[1]
    result = pending.wait()
    buffer.close()
    return pending.took_ms, items(result)


def answers(client: Client, places: list[TypingPlace]) -> tuple[list[float], int]:
    """Milliseconds of each answer, and how many showed something."""
    found = [type_at(client, place) for place in places][WARM:]
    return [took for took, _ in found], sum(bool(shown) for _, shown in found)


@cache
def reference(workspace: Path, home: Path) -> tuple[float, ...]:
    """The bare server's answers to the same keys."""
    with Client(servers.echo(), environment=servers.environment(home), folder=workspace) as client:
        client.initialize(workspace)
        return tuple(answers(client, workspaces.typing_places(workspace, PLACES + WARM))[0])


def _measure(options: dict[str, Any] | None, what: str, most: float | None) -> Record:
    workspace, home = servers.thousand_files()
    bare = reference(workspace, home)
    with servers.session(workspace, home, options=options) as client:
        took, shown = answers(client, workspaces.typing_places(workspace, PLACES + WARM))
        statistics = client.command("starling.stats")
    return Record(
        what=what,
        unit="ms",
        value=percentile(took, 95),
        n=len(took),
        reference=Reference(servers.REFERENCE, percentile(bare, 95)),
        most=most,
        details={
            "ours": spread(took),
            "reference": spread(bare),
            "share_with_a_suggestion": shown / len(took),
            "statistics": statistics,
        },
    )


def measure_without_model() -> Record:
    """All of the answer is then our own work."""
    what = "keystroke to answer without a model, 1,000 files, each at another place, p95"
    return _measure(servers.NO_MODEL, what, 10.0)


def measure_with_model() -> Record:
    """With the bundled model on the CPU."""
    return _measure(None, "keystroke to answer with the bundled model, 1,000 files, each at another place, p95", None)
