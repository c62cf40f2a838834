"""Typing what was suggested: time from each key to an answer with the rest of the suggestion, without a model run."""

from __future__ import annotations

from benchmarks import servers, workspaces
from benchmarks.client import Client, TextBuffer, read_items
from benchmarks.keystroke import measure_reference
from benchmarks.record import Record, Reference, compute_percentile, summarize

PLACES = 120
ENOUGH = 400  # keys typed through
MAX_KEYS = 30  # of one suggestion
TYPED_FIRST = 4


def type_through(client: Client, place: workspaces.TypingPlace) -> tuple[list[float], int]:
    """Type up to `MAX_KEYS` characters of a suggestion at `place`, key by key.

    Returns the milliseconds of each answer that was the suggestion's rest, and how many answers were not.
    """
    text = place.path.read_bytes().decode("utf-8")
    at = place.start + TYPED_FIRST
    buffer = TextBuffer(client, place.path.as_uri(), text[:at] + text[place.start + len(place.line) :])
    shown = read_items(buffer.ask(at, invoked=True)[1].wait())
    took: list[float] = []
    missed = 0
    if shown:
        suggested = cut_rest(buffer, at, shown[0])
        for key in suggested[:MAX_KEYS]:
            buffer.replace(at, at, key)
            at += 1
            pending = buffer.ask(at)[1]
            found = read_items(pending.wait())
            suggested = suggested[1:]
            if not suggested:
                break
            if found and cut_rest(buffer, at, found[0]) == suggested:
                took.append(pending.took_ms)
            else:
                missed += 1
    buffer.close()
    return took, missed


def cut_rest(buffer: TextBuffer, at: int, item: dict[str, object]) -> str:
    """Return the part of an item's text that is not before the cursor already."""
    text = str(item["insertText"])
    span = item.get("range")
    if not isinstance(span, dict):
        return text
    typed = buffer.find_position(at)["character"] - span["start"]["character"]
    return text[typed:]


def measure() -> Record:
    """Measure answers while one-line suggestions are typed.

    Suggestions end at a line break, because the editor and not the person types the next line's indentation.
    """
    workspace, home = servers.index_thousand_files()
    took: list[float] = []
    missed = 0
    with servers.open_session(workspace, home) as client:
        for place in workspaces.choose_typing_places(workspace, PLACES):
            more, not_reused = type_through(client, place)
            took += more
            missed += not_reused
            if len(took) >= ENOUGH:
                break
    return Record(
        what="a suggestion is typed through: key to the answer with the rest of it, p95",
        unit="ms",
        value=compute_percentile(took, 95),
        n=len(took),
        reference=Reference(
            f"{servers.REFERENCE}, a key's answer", compute_percentile(measure_reference(workspace, home), 95)
        ),
        most=3.0,
        details={"ours": summarize(took), "answers_that_were_not_the_rest": missed},
    )
