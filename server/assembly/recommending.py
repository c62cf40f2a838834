"""The recommendation of models that answer in time here, by the machine's speed, the catalog and the settings.

Start at `recommend`; `load_or_measure_machine` measures the machine if no measurement is stored.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from models.catalog.catalog import Catalog
from models.catalog.published_models import BYTES_PER_WEIGHT, load_published_models
from models.errors import ModelError
from models.local import calibration, cuda, machine, recommendation
from models.local.loading import read_free_bytes
from models.local.machine import Machine, WeightCounts
from models.local.recommendation import USES, Limits, Room, Verdict
from models.local.weights_file import read_shape
from server.state import paths

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from models.catalog.catalog import ModelEntry
    from models.catalog.published_models import PublishedModel
    from models.local.recommendation import Candidate
    from server.assembly.settings import Settings


@dataclass(frozen=True, slots=True)
class Recommendation:
    """The recommended models of this machine.

    Attributes:
        machine: what it follows from.
        limits: what was in time.
        verdicts: about each model, the smallest first.
        chosen: by use, the model recommended for it; None for none.
        problems: a sentence for each model that could not be looked at.
    """

    machine: Machine
    limits: Limits
    verdicts: tuple[Verdict, ...]
    chosen: dict[str, Verdict | None]
    problems: tuple[str, ...]


def load_or_measure_machine(settings: Settings, *, again: bool, on_progress: Callable[[str], None]) -> Machine:
    """Return what was measured of this machine, or measure and keep it.

    Args:
        settings: which device may compute.
        again: whether to measure in any case.
        on_progress: told in a few words what is measured.

    Raises:
        ModelError: it cannot be measured.
    """
    from models.local.engine import count_cuda_devices  # noqa: PLC0415 (with `models.local.machine_probe`, CTranslate2, which a check does without)
    from models.local.machine_probe import measure_machine  # noqa: PLC0415

    directory = paths.ensure_writable(paths.state_dir()).path
    kept = machine.load(directory) if directory is not None else None
    gpu = settings.model.device != "cpu" and count_cuda_devices() > 0
    if kept is not None and not again and (kept.device == "cuda") == gpu:
        return kept
    measured = measure_machine(device=settings.model.device, on_progress=on_progress)
    if directory is not None:
        machine.store(measured, directory)
    return measured


def recommend(settings: Settings, here: Machine) -> Recommendation:
    """Judge all models of the catalog on this machine."""
    wanted = settings.completion
    limits = Limits(typing_s=wanted.typing_ms / 1000, asking_s=wanted.asking_ms / 1000)
    room = Room(_read_free_memory(here), _read_free_disk(paths.models_dir()))
    catalog = Catalog.load(paths.models_dir())
    problems = list(catalog.problems)
    found = sorted(_find_candidates(catalog, here, problems), key=lambda one: (one.parameters, one.name))
    verdicts = tuple(recommendation.judge_candidate(one, here, limits, room) for one in found)
    chosen = {use: recommendation.choose_best(verdicts, use) for use in USES}
    return Recommendation(here, limits, verdicts, chosen, tuple(problems))


def describe_verdict(verdict: Verdict) -> dict[str, Any]:
    """Return a verdict as JSON."""
    candidate = verdict.candidate
    return {
        "name": candidate.name,
        "installed": candidate.installed,
        "gated": candidate.gated,
        "licence": candidate.licence,
        "roles": list(candidate.roles),
        "parameters": candidate.parameters,
        "in_time_for": list(verdict.uses),
        "lacking": verdict.lacking,
        "measured_here": candidate.speed is not None,
        "prompt_tokens_per_s": _round_figure(verdict.speed.prompt_tokens_per_s),
        "new_tokens_per_s": _round_figure(verdict.speed.new_tokens_per_s),
        "line_s": _round_figure(verdict.line_s),
        "first_words_s": _round_figure(verdict.first_words_s),
        "memory_bytes": candidate.memory,
        "disk_bytes": candidate.disk,
        "worth": {table: {"share": one.share, "n": one.n} for table, one in candidate.worth.items()},
    }


def _round_figure(figure: float | None) -> float | None:
    return None if figure is None else float(f"{figure:.3g}")


def _find_candidates(catalog: Catalog, here: Machine, problems: list[str]) -> Iterator[Candidate]:
    """Yield the models that complete or chat: the installed ones, and the others that can be pulled by name."""
    known = load_published_models()
    by_source = {one.repository: one for one in known.values()}
    taken: set[str] = set()
    for entry in catalog.entries.values():
        published = known.get(entry.name) or by_source.get(entry.source)
        taken |= {entry.name} | ({published.name} if published is not None else set())
        if _is_useful(entry.roles):
            try:
                yield _describe_installed(entry, published, here)
            except ModelError as error:
                problems.append(str(error))
    for one in known.values():
        if one.name not in taken and _is_useful(one.roles):
            yield recommendation.describe_published(one)


def _is_useful(roles: tuple[str, ...]) -> bool:
    return "completion" in roles or "chat" in roles


def _describe_installed(entry: ModelEntry, published: PublishedModel | None, here: Machine) -> Candidate:
    """Return an installed model, with the speed at which it has computed here.

    Raises:
        ModelError: its weights cannot be read.
    """
    shape = read_shape(entry.weights)
    weight_bytes = BYTES_PER_WEIGHT.get(entry.quantization, 1.0)
    weights = WeightCounts(max(1, int(shape.layers_bytes / weight_bytes)), shape.vocabulary * shape.width)
    identity = f"{entry.name}|{shape.size_bytes}|{here.device}"
    speed = calibration.load_speed(identity, paths.state_dir())
    return recommendation.describe_installed(entry, weights, shape.size_bytes, published, speed)


def _read_free_memory(here: Machine) -> int | None:
    """Return the bytes of memory for a model on the device that computes; None where unknown."""
    return (cuda.read_memory_bytes() or None) if here.device == "cuda" else read_free_bytes()


def _read_free_disk(directory: Path) -> int | None:
    """Return the bytes that are free where models are kept; None where unknown."""
    for folder in (directory, *directory.parents):
        if folder.is_dir():
            try:
                return shutil.disk_usage(folder).free
            except OSError:
                return None
    return None
