"""Definitions for the code at a cursor: those that it uses, and those that it may use next, likeliest first.

Start at `list_related` and `rank_likely`.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from indexing.records import Query
from indexing.resolution import likelihood
from indexing.resolution.candidates import collect
from indexing.resolution.cursor_text import find_word
from indexing.resolution.likelihood import Evidence
from indexing.resolution.records import LikelyDefinition
from indexing.resolution.surroundings import Surroundings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from indexing.resolution.candidates import Candidate
    from indexing.resolution.names import DocumentNames
    from indexing.resolution.paths import FileKey
    from indexing.resolution.records import FoundDefinition
    from indexing.segments import View

QUERY_LINES = 8
SIMILAR_CHUNKS = 10
SHARE_OF_EVIDENCE = 0.6  # of the time to a deadline, after which no more evidence is looked for
LEAST_RANKED = 40  # candidates that are ranked even after the deadline
USED_LINES = 12
MOST_USED = 24  # names and members in these lines
_SHOWN = {"function", "class"}
_CHAIN = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*")
_CALL = re.compile(r"(?<!\w)([^\W\d]\w*)\(")


def rank_likely(
    names: DocumentNames, view: View, *, own: FileKey | None, limit: int, deadline: float | None = None
) -> tuple[LikelyDefinition, ...]:
    """Return up to `limit` definitions of other files that the code at the cursor may use next, likeliest first.

    Args:
        names: the document at its cursor.
        view: the files of the workspace.
        own: key of the document's stored version, which is no evidence; None if it is not indexed.
        limit: largest number of definitions.
        deadline: moment of `time.monotonic`; candidates and evidence that are not found in time are left out. None for
            none.
    """
    scored = [
        LikelyDefinition(names.describe(candidate.reference), likelihood.score(features, names.source.rules.weights))
        for candidate, features in iterate_features(names, view, own=own, deadline=deadline)
    ]
    scored.sort(key=lambda each: -each.score)
    return tuple(_drop_variants(scored))[:limit]


def list_related(
    names: DocumentNames, view: View, *, own: FileKey | None, limit: int, deadline: float | None = None
) -> list[FoundDefinition]:
    """Return up to `limit` definitions of other files about the code at the cursor; arguments as in `rank_likely`.

    First what the call around the cursor calls; then, in turn, what may be used next and what the lines above use.
    """
    call = names.find_call()
    found = list(call.callees if call is not None else ())
    likely = rank_likely(names, view, own=own, limit=limit, deadline=deadline)
    used = list(_iterate_used(names))
    for number in range(max(len(likely), len(used))):
        found += [each.definition for each in likely[number : number + 1]]
        found += used[number : number + 1]
    return [each for each in dict.fromkeys(found) if each.key is not None and each.kind in _SHOWN][:limit]


def list_used_libraries(names: DocumentNames, limit: int) -> list[FoundDefinition]:
    """Return up to `limit` definitions of libraries that the code before the cursor uses, nearest first."""
    call = names.find_call()
    used = dict.fromkeys([*(call.callees if call is not None else ()), *_iterate_used(names)])
    return [each for each in used if each.is_library and each.kind in _SHOWN][:limit]


def _iterate_used(names: DocumentNames) -> Iterator[FoundDefinition]:
    """Yield what the names and members in the lines before the cursor mean, nearest first, until the deadline."""
    if not names.available:
        return
    lines = names.plain[: names.offset].rsplit("\n", USED_LINES + 1)[1:]
    written = dict.fromkeys(reversed(_CHAIN.findall("\n".join(lines))))
    for each in list(written)[:MOST_USED]:
        if names.lookup.is_late():
            return
        yield from names.find_meanings(each)


def iterate_features(
    names: DocumentNames, view: View, *, own: FileKey | None, deadline: float | None
) -> Iterator[tuple[Candidate, dict[str, float]]]:
    """Yield each candidate that begins with the partial word before the cursor, and its features."""
    candidates = collect(names)
    start, _ = find_word(names.text, names.offset)
    typed = names.text[start : names.offset]
    candidates = [each for each in candidates if each.name.rpartition(".")[2].startswith(typed)]
    if not candidates:
        return
    around = Surroundings.of(names, short=deadline is not None)
    wanted = list(dict.fromkeys(each.name.rpartition(".")[2] for each in candidates))
    evidence = Evidence({}, _count_similar(names, view, own, deadline))
    if not names.lookup.is_late(SHARE_OF_EVIDENCE):
        evidence = replace(evidence, occurrences=view.count_occurrences(wanted, around.word_groups, own=own))
    if deadline is not None:  # imported names are few, and come first if there is no time for all
        candidates.sort(key=lambda each: each.way != "import")
    for number, candidate in enumerate(candidates):
        if number >= LEAST_RANKED and names.lookup.is_late():
            return
        yield candidate, likelihood.measure_features(candidate, around, names, evidence)


def _count_similar(names: DocumentNames, view: View, own: FileKey | None, deadline: float | None) -> dict[str, int]:
    """Return how many of the chunks most similar to the lines before the cursor call each name."""
    if names.lookup.is_late(SHARE_OF_EVIDENCE):
        return {}
    lines = names.text[: names.line_start].rsplit("\n", QUERY_LINES + 1)[1:]
    counts: dict[str, int] = {}
    for hit in view.search(Query("\n".join(lines)), own=own, limit=SIMILAR_CHUNKS, deadline=deadline):
        text = view.read_text(hit.key, view.read_chunk(hit.key, hit.chunk).span)
        for name in set(_CALL.findall(text)):
            counts[name] = counts.get(name, 0) + 1
    return counts


def _drop_variants(scored: list[LikelyDefinition]) -> Iterator[LikelyDefinition]:
    """Yield the definitions without further ones of the same name in the same file and class (overloads)."""
    seen: set[tuple[str, str]] = set()
    for each in scored:
        place = (each.definition.relative, each.definition.qualified)
        if place not in seen:
            seen.add(place)
            yield each
