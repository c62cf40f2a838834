"""Recommendation of a model for each use: which models are fast enough on this machine, fit it, and are the best.

Computes from measured figures and catalog entries only. Start at `judge` and `choose_best`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from models.catalog.catalog import LARGE_PARAMETERS
from models.local.loading import estimate_memory_bytes
from models.local.prompt_choice import LEAST_PROMPT, LINE_TOKENS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from models.catalog.catalog import Measured, ModelEntry
    from models.catalog.published_models import PublishedModel
    from models.local.calibration import Speed
    from models.local.machine import Machine, WeightCounts

TYPING, ASKING, CHAT = USES = ("typing", "asking", "chat")
ROLE = {TYPING: "completion", ASKING: "completion", CHAT: "chat"}
# The quality table that says what a model is worth for a use.
WORTH = {TYPING: "lines", ASKING: "lines", CHAT: "problems"}
QUESTION_TOKENS = 1500
DOWNLOADED_BYTES = 2  # a weight, as checkpoints are published


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds within which an answer is in time.

    Attributes:
        typing_s: seconds for a line while typing.
        asking_s: seconds for a line that was requested.
        first_words_s: seconds until an answer to a question of `QUESTION_TOKENS` begins.
        tokens_per_s: least speed of an answer in prose.
    """

    typing_s: float = 0.5
    asking_s: float = 2.0
    first_words_s: float = 15.0
    tokens_per_s: float = 5.0


@dataclass(frozen=True, slots=True)
class Room:
    """Free bytes on the computing device and on the disk; None if unknown."""

    memory: int | None = None
    disk: int | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model that is installed or can be pulled by name.

    Attributes:
        name: by which it is asked for.
        roles: what it is for.
        weights: how many a token meets.
        parameters: how many there are.
        context_tokens: its window.
        licence: SPDX name, or the publisher's own.
        installed: whether it is here.
        bundled: whether it came with the program.
        gated: whether its publisher wants the licence accepted before a download.
        memory: bytes that it takes in memory.
        disk: bytes that it takes on the disk.
        fetching: bytes that must be free to fetch and convert it; 0 for what is here.
        worth: what was measured of it, by table.
        speed: as it was measured here; None where it has to be estimated.
    """

    name: str
    roles: tuple[str, ...]
    weights: WeightCounts
    parameters: int
    context_tokens: int
    licence: str
    installed: bool
    bundled: bool
    gated: bool
    memory: int
    disk: int
    fetching: int
    worth: Mapping[str, Measured]
    speed: Speed | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """Estimated usefulness of a model on this machine.

    Attributes:
        candidate: which.
        speed: how fast it computes here.
        line_s: seconds for a line; None for a model that does not complete.
        first_words_s: seconds until an answer begins; None for a model that does not chat.
        lacking: what there is too little of: "memory", "disk" or "".
        uses: what it answers in time for.
    """

    candidate: Candidate
    speed: Speed
    line_s: float | None
    first_words_s: float | None
    lacking: str
    uses: tuple[str, ...]


def describe_installed(
    entry: ModelEntry, weights: WeightCounts, size_bytes: int, published: PublishedModel | None, speed: Speed | None
) -> Candidate:
    """Return an installed model as a candidate.

    Args:
        entry: of the catalog.
        weights: how many a token meets.
        size_bytes: of its weights on the disk.
        published: the same model among the published ones, for what was measured of it.
        speed: as it was measured here.
    """
    return Candidate(
        name=entry.name,
        roles=entry.roles,
        weights=weights,
        parameters=entry.parameters,
        context_tokens=entry.context_tokens,
        licence=entry.licence,
        installed=True,
        bundled=entry.bundled,
        gated=False,
        memory=estimate_memory_bytes(size_bytes),
        disk=size_bytes,
        fetching=0,
        worth=entry.worth or (published.worth if published is not None else {}),
        speed=speed,
    )


def describe_published(published: PublishedModel) -> Candidate:
    """Return a published model as a candidate, converted to int8."""
    size_bytes = published.estimate_size_bytes("int8")
    return Candidate(
        name=published.name,
        roles=published.roles,
        weights=published.weights,
        parameters=published.parameters,
        context_tokens=published.context_tokens,
        licence=published.licence,
        installed=False,
        bundled=False,
        gated=published.gated,
        memory=estimate_memory_bytes(size_bytes),
        disk=size_bytes,
        fetching=size_bytes + DOWNLOADED_BYTES * published.parameters,
        worth=published.worth,
    )


def judge(candidate: Candidate, machine: Machine, limits: Limits, room: Room) -> Verdict:
    """Estimate how fast a model computes on this machine and for which uses that suffices."""
    speed = candidate.speed or machine.speed_of(candidate.weights)
    line_s = first_words_s = None
    uses: list[str] = []
    if "completion" in candidate.roles:
        # a large model is asked with as much as there is time for, a small one with its whole window
        large = candidate.parameters > LARGE_PARAMETERS
        prompt = LEAST_PROMPT if large else max(1, candidate.context_tokens - LINE_TOKENS)
        line_s = speed.estimate_seconds(prompt, LINE_TOKENS)
        uses += [use for use, most in ((TYPING, limits.typing_s), (ASKING, limits.asking_s)) if line_s <= most]
    if "chat" in candidate.roles:
        first_words_s = speed.estimate_seconds(min(QUESTION_TOKENS, candidate.context_tokens), 1)
        if first_words_s <= limits.first_words_s and speed.new_tokens_per_s >= limits.tokens_per_s:
            uses.append(CHAT)
    lacking = _find_shortage(candidate, room)
    return Verdict(candidate, speed, line_s, first_words_s, lacking, () if lacking else tuple(uses))


def choose_best(verdicts: Iterable[Verdict], use: str) -> Verdict | None:
    """Return the model to recommend for a use; None if none answers in time.

    Of two models, the one with the better measured quality wins; the larger one if either was not measured. A model
    that needs an account on the hub is recommended only if it is installed.
    """
    fit = [one for one in verdicts if use in one.uses and (one.candidate.installed or not one.candidate.gated)]
    fit.sort(key=lambda one: (one.candidate.parameters, one.candidate.installed), reverse=True)
    found: Verdict | None = None
    for one in fit:
        if found is None or _beats(one, found, use):
            found = one
    return found


def _beats(one: Verdict, other: Verdict, use: str) -> bool:
    """Return whether `one` was measured to be better than the larger `other`."""
    mine, theirs = (verdict.candidate.worth.get(WORTH[use]) for verdict in (one, other))
    return mine is not None and theirs is not None and mine.share > theirs.share


def _find_shortage(candidate: Candidate, room: Room) -> str:
    """Return which resource is too small for the candidate: "memory", "disk" or ""."""
    if room.memory is not None and candidate.memory > room.memory:
        return "memory"
    return "disk" if room.disk is not None and candidate.fetching > room.disk else ""
