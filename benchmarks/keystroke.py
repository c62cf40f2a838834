"""Time from a keystroke to its answer; the change and the completion request are sent together.

The reference is the bare server with the same keys in the same files.
"""

from __future__ import annotations

import time
from functools import cache
from typing import TYPE_CHECKING, Any

from benchmarks import servers, workspaces
from benchmarks.client import Client, TextBuffer, read_items
from benchmarks.record import Record, Reference, compute_percentile, summarize

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.workspaces import TypingPlace

PLACES = 60
WARM = 10  # the first answers load grammars and the model; a person meets them once
KEYS = 3  # typed at each place; asked at the last
LOOKS_S = 0.5  # from opening a file to the first key, as a person looks at a file first


def type_at(client: Client, place: TypingPlace) -> tuple[float, list[dict[str, Any]]]:
    """Delete the rest of the line and type its first characters.

    Returns the milliseconds from the last key to its answer, and the answer's items.
    """
    text = place.path.read_bytes().decode("utf-8")
    end = place.start + len(place.line)
    buffer = TextBuffer(client, place.path.as_uri(), text[: place.start] + text[end:])
    time.sleep(LOOKS_S)
    for index, character in enumerate(place.line[: KEYS - 1]):
        buffer.replace(place.start + index, place.start + index, character)
    client.request(
        "starling/none", None
    ).event.wait()  # unknown to every server: answered once all earlier messages are read
    at = place.start + KEYS - 1
    buffer.replace(at, at, place.line[KEYS - 1])
    pending = buffer.ask(at + 1)[1]
    result = pending.wait()
    buffer.close()
    return pending.took_ms, read_items(result)


def type_at_places(client: Client, places: list[TypingPlace]) -> tuple[list[float], int]:
    """Type at each place; return the milliseconds of each answer, and the number of answers with a suggestion.

    The first `WARM` answers count in neither.
    """
    found = [type_at(client, place) for place in places][WARM:]
    return [took for took, _ in found], sum(bool(shown) for _, shown in found)


@cache
def measure_reference(workspace: Path, home: Path) -> tuple[float, ...]:
    """Return the milliseconds of the bare server's answers to the same keys; measured once."""
    with Client(servers.make_echo_command(), environment=servers.make_environment(home), folder=workspace) as client:
        client.initialize(workspace)
        return tuple(type_at_places(client, workspaces.choose_typing_places(workspace, PLACES + WARM))[0])


def _measure(options: dict[str, Any] | None, what: str, most: float | None) -> Record:
    """Measure the time from a key to its answer with the settings `options`; `what` and `most` are for the record."""
    workspace, home = servers.index_thousand_files()
    bare = measure_reference(workspace, home)
    with servers.open_session(workspace, home, options=options) as client:
        took, shown = type_at_places(client, workspaces.choose_typing_places(workspace, PLACES + WARM))
        statistics = client.run_command("starling.stats")
    return Record(
        what=what,
        unit="ms",
        value=compute_percentile(took, 95),
        n=len(took),
        reference=Reference(servers.REFERENCE, compute_percentile(bare, 95)),
        most=most,
        details={
            "ours": summarize(took),
            "reference": summarize(bare),
            "share_with_a_suggestion": shown / len(took),
            "statistics": statistics,
        },
    )


def measure_without_model() -> Record:
    """Measure the time from a key to its answer without a model."""
    what = "keystroke to answer without a model, 1,000 files, each at another place, p95"
    return _measure(servers.NO_MODEL, what, 10.0)


def measure_with_model() -> Record:
    """Measure the time from a key to its answer with the bundled model on the CPU."""
    return _measure(None, "keystroke to answer with the bundled model, 1,000 files, each at another place, p95", None)
