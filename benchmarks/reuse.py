"""A person types what was suggested: from each key to its answer, which is the rest of it, without the model."""

from __future__ import annotations

from benchmarks import servers, workspaces
from benchmarks.client import Client, TextBuffer, items
from benchmarks.keystroke import reference
from benchmarks.record import Record, Reference, percentile, spread

PLACES = 120
ENOUGH = 400  # keys typed through
MAX_KEYS = 30  # of one suggestion
TYPED_FIRST = 4


def type_through(client: Client, place: workspaces.TypingPlace) -> tuple[list[float], int]:
    """Milliseconds of each answer that was the rest, and the number of keys after which it was not."""
    text = place.path.read_bytes().decode("utf-8")
    at = place.start + TYPED_FIRST
    buffer = TextBuffer(client, place.path.as_uri(), text[:at] + text[place.start + len(place.line) :])
    shown = items(buffer.ask(at, invoked=True)[1].wait())
    took: list[float] = []
    missed = 0
    if shown:
        suggested = rest_of(buffer, at, shown[0])
        for key in suggested[:MAX_KEYS]:
            buffer.replace(at, at, key)
            at += 1
            pending = buffer.ask(at)[1]
            found = items(pending.wait())
            suggested = suggested[1:]
            if not suggested:
                break
            if found and rest_of(buffer, at, found[0]) == suggested:
                took.append(pending.took_ms)
            else:
                missed += 1
    buffer.close()
    return took, missed


def rest_of(buffer: TextBuffer, at: int, item: dict[str, object]) -> str:
    """What an item would add after the cursor: its text, less what of it stands before the cursor already."""
    text = str(item["insertText"])
    span = item.get("range")
    if not isinstance(span, dict):
        return text
    typed = buffer.position(at)["character"] - span["start"]["character"]
    return text[typed:]


def measure() -> Record:
    """Only one-line rests count: a break is typed with its indentation by the editor, not by the person."""
    workspace, home = servers.thousand_files()
    took: list[float] = []
    missed = 0
    with servers.session(workspace, home) as client:
        for place in workspaces.typing_places(workspace, PLACES):
            more, not_reused = type_through(client, place)
            took += more
            missed += not_reused
            if len(took) >= ENOUGH:
                break
    return Record(
        what="a suggestion is typed through: key to the answer with the rest of it, p95",
        unit="ms",
        value=percentile(took, 95),
        n=len(took),
        reference=Reference(f"{servers.REFERENCE}, a key's answer", percentile(reference(workspace, home), 95)),
        most=3.0,
        details={"ours": spread(took), "answers_that_were_not_the_rest": missed},
    )
