"""The recommendation of models that are fast enough on this machine, by its speed, the catalog and the settings.

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
        machine: the measured speed of the machine.
        limits: the times in which a model has to answer.
        verdicts: the verdict on each model, the smallest model first.
        chosen: the verdict on the recommended model for each use; None if no model is fast enough.
        problems: a sentence for each model that could not be judged.
    """

    machine: Machine
    limits: Limits
    verdicts: tuple[Verdict, ...]
    chosen: dict[str, Verdict | None]
    problems: tuple[str, ...]


def load_or_measure_machine(settings: Settings, *, again: bool, on_progress: Callable[[str], None]) -> Machine:
    """Return the stored measurement of this machine; if there is none, measure the machine and store the result.

    Measures again if the stored measurement is of the processor and models compute on a GPU now, or vice versa.

    Args:
        settings: the settings, for the device on which models compute.
        again: whether to measure although a measurement is stored.
        on_progress: called with a few words about the present measurement.

    Raises:
        ModelError: the machine cannot be measured.
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


def recommend(settings: Settings, measured: Machine) -> Recommendation:
    """Judge all installed and published models by the speed `measured`; return the verdicts and the best models."""
    wanted = settings.completion
    limits = Limits(typing_s=wanted.typing_ms / 1000, asking_s=wanted.asking_ms / 1000)
    room = Room(_read_free_memory(measured), _read_free_disk(paths.models_dir()))
    catalog = Catalog.load(paths.models_dir())
    problems = list(catalog.problems)
    found = sorted(_find_candidates(catalog, measured, problems), key=lambda one: (one.parameters, one.name))
    verdicts = tuple(recommendation.judge_candidate(one, measured, limits, room) for one in found)
    chosen = {use: recommendation.choose_best(verdicts, use) for use in USES}
    return Recommendation(measured, limits, verdicts, chosen, tuple(problems))


def describe_verdict(verdict: Verdict) -> dict[str, Any]:
    """Return the figures of `verdict` as a dictionary for JSON."""
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
    """Return `figure` with three significant digits, None for None."""
    return None if figure is None else float(f"{figure:.3g}")


def _find_candidates(catalog: Catalog, measured: Machine, problems: list[str]) -> Iterator[Candidate]:
    """Yield the models that complete or chat: installed models, then published models that can be pulled by name.

    Adds to `problems` a sentence for each installed model whose weights cannot be read.
    """
    known = load_published_models()
    by_source = {one.repository: one for one in known.values()}
    taken: set[str] = set()
    for entry in catalog.entries.values():
        published = known.get(entry.name) or by_source.get(entry.source)
        taken |= {entry.name} | ({published.name} if published is not None else set())
        if _is_useful(entry.roles):
            try:
                yield _describe_installed(entry, published, measured)
            except ModelError as error:
                problems.append(str(error))
    for one in known.values():
        if one.name not in taken and _is_useful(one.roles):
            yield recommendation.describe_published(one)


def _is_useful(roles: tuple[str, ...]) -> bool:
    """Return whether a model with `roles` completes or chats."""
    return "completion" in roles or "chat" in roles


def _describe_installed(entry: ModelEntry, published: PublishedModel | None, measured: Machine) -> Candidate:
    """Return an installed model as a candidate, with the speed at which it computed on this machine before.

    Raises:
        ModelError: its weights cannot be read.
    """
    shape = read_shape(entry.weights)
    weight_bytes = BYTES_PER_WEIGHT.get(entry.quantization, 1.0)
    weights = WeightCounts(max(1, int(shape.layers_bytes / weight_bytes)), shape.vocabulary * shape.width)
    identity = f"{entry.name}|{shape.size_bytes}|{measured.device}"
    speed = calibration.load_speed(identity, paths.state_dir())
    return recommendation.describe_installed(entry, weights, shape.size_bytes, published, speed)


def _read_free_memory(measured: Machine) -> int | None:
    """Return the memory, in bytes, that a model can take on the measured device; None if unknown."""
    return (cuda.read_memory_bytes() or None) if measured.device == "cuda" else read_free_bytes()


def _read_free_disk(directory: Path) -> int | None:
    """Return the free disk space, in bytes, for models in `directory`, which need not exist; None if unknown."""
    for folder in (directory, *directory.parents):
        if folder.is_dir():
            try:
                return shutil.disk_usage(folder).free
            except OSError:
                return None
    return None
