"""Recommendation of a model for each use: the best of those that fit this machine and are fast enough on it.

Computes from measured figures and catalog entries only. Start at `judge_candidate` and `choose_best`.
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
# Table of measured quality by which the models for a use are compared.
WORTH = {TYPING: "lines", ASKING: "lines", CHAT: "problems"}
QUESTION_TOKENS = 1500
DOWNLOADED_BYTES = 2  # bytes of a weight in a published checkpoint


@dataclass(frozen=True, slots=True)
class Limits:
    """Speeds that a model needs for each use.

    Attributes:
        typing_s: most seconds for a line while typing.
        asking_s: most seconds for a line that was requested.
        first_words_s: most seconds until an answer to a question of `QUESTION_TOKENS` tokens begins.
        tokens_per_s: least tokens a second of an answer in prose.
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
        name: its name in settings and commands.
        roles: "completion", "chat", or both.
        weights: numbers of weights with which each token is computed.
        parameters: number of all weights.
        context_tokens: its context window.
        licence: SPDX name, or the publisher's own name for it.
        installed: whether it is on this machine.
        bundled: whether it came with the program.
        gated: whether its publisher demands that the licence be accepted before a download.
        memory: bytes that it takes in memory.
        disk: bytes that it takes on the disk.
        fetching: free bytes on the disk needed to download and convert it; 0 if it is installed.
        worth: its measured quality, by table.
        speed: its measured speed on this machine; None if it has to be estimated.
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
        candidate: the model.
        speed: its measured or estimated speed on this machine.
        line_s: seconds for a line; None for a model that does not complete.
        first_words_s: seconds until an answer begins; None for a model that does not chat.
        lacking: the resource that is too small for it: "memory", "disk" or "".
        uses: the uses for which it is fast enough; () if a resource is too small.
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
    """Return an installed model as a candidate for a recommendation.

    Args:
        entry: its catalog entry.
        weights: numbers of weights with which each token is computed.
        size_bytes: size of its weights on the disk.
        published: the same model among the published models, for its measured quality; None if it is not one of them.
        speed: its measured speed on this machine; None if it was not measured.
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
    """Return a published model as a candidate, with the sizes that it would have after a conversion to int8."""
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


def judge_candidate(candidate: Candidate, machine: Machine, limits: Limits, room: Room) -> Verdict:
    """Return the verdict on a model: its speed on this machine, and the uses for which it fits and is fast enough."""
    speed = candidate.speed or machine.estimate_speed(candidate.weights)
    line_s = first_words_s = None
    uses: list[str] = []
    if "completion" in candidate.roles:
        # the prompt of a large model has at least `LEAST_PROMPT` tokens, that of a small one fills its window
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
    """Return the verdict on the model to recommend for `use`; None if no model fits and is fast enough.

    Of two models the one with the better measured quality is chosen; if the quality of either is unknown, the larger
    one. A gated model is recommended only if it is installed.
    """
    fit = [one for one in verdicts if use in one.uses and (one.candidate.installed or not one.candidate.gated)]
    fit.sort(key=lambda one: (one.candidate.parameters, one.candidate.installed), reverse=True)
    found: Verdict | None = None
    for one in fit:
        if found is None or _is_better(one, found, use):
            found = one
    return found


def _is_better(one: Verdict, other: Verdict, use: str) -> bool:
    """Return whether the measured quality of `one` for `use` is higher than that of `other`; False if unknown."""
    mine, theirs = (verdict.candidate.worth.get(WORTH[use]) for verdict in (one, other))
    return mine is not None and theirs is not None and mine.share > theirs.share


def _find_shortage(candidate: Candidate, room: Room) -> str:
    """Return the resource that is too small for the candidate: "memory", "disk", or "" for none."""
    if room.memory is not None and candidate.memory > room.memory:
        return "memory"
    return "disk" if room.disk is not None and candidate.fetching > room.disk else ""
