"""Policies, layers and limits of each part of the core, derived from the settings.

Each rule is stated once here, for sessions and for the command line. Start at `completion_policy_of`,
`review_policy_of` and `index_limits_of`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from agents.completion.completion_policy import CompletionPolicy
    from agents.findings import Layer
    from agents.reviewer.review_policy import ReviewPolicy
    from indexing.limits import IndexLimits
    from server.assembly.settings import Settings


def completion_policy_of(settings: Settings) -> CompletionPolicy:
    """Return the settings that completion follows, in its own words."""
    from agents.completion.completion_policy import CompletionPolicy  # noqa: PLC0415
    from indexing.syntax import languages  # noqa: PLC0415

    wanted = settings.completion
    known = ((name, languages.resolve_id(name)) for name in wanted.languages_off)
    usual = CompletionPolicy()
    return CompletionPolicy(
        enabled=wanted.enabled,
        languages_off=frozenset(name if ours == languages.TEXT else ours for name, ours in known),
        threshold=wanted.min_confidence,
        recall=wanted.recall,
        blocks=wanted.multiline == "auto",
        line_tokens=min(usual.line_tokens, wanted.max_tokens),
        block_tokens=wanted.max_tokens,
        automatic_wait_ms=float(wanted.timeout_ms),
        typing_ms=float(wanted.typing_ms),
        asking_ms=float(wanted.asking_ms),
        adaptive=wanted.adaptive,
    )


def review_policy_of(settings: Settings) -> ReviewPolicy:
    """Return the settings that the review follows, in its own words."""
    from agents.findings import Severity  # noqa: PLC0415
    from agents.reviewer.review_policy import ReviewPolicy  # noqa: PLC0415
    from indexing.syntax import languages  # noqa: PLC0415

    wanted = settings.review
    known = ((name, languages.resolve_id(name)) for name in wanted.languages_off)
    return ReviewPolicy(
        enabled=wanted.enabled,
        layers=layers_of(settings),
        rules_off=frozenset(wanted.rules_off),
        rules_on=frozenset(wanted.rules_on),
        languages_off=frozenset(name if ours == languages.TEXT else ours for name, ours in known),
        severity=Severity(wanted.severity),
        ruff=wanted.ruff,
        longest_document=wanted.max_file_bytes,
        cognitive=wanted.cognitive,
        cyclomatic=wanted.cyclomatic,
        function_lines=wanted.function_lines,
        nesting=wanted.nesting,
        parameters=wanted.parameters,
    )


def layers_of(settings: Settings) -> frozenset[Layer]:
    """Return the layers of the review that the settings want, whether or not their models are there."""
    from agents.findings import Layer  # noqa: PLC0415

    wanted = settings.review
    switches = {
        Layer.STATIC: wanted.static,
        Layer.LIKELIHOOD: wanted.likelihood != "never",
        Layer.MODEL: wanted.model,
    }
    return frozenset(layer for layer, on in switches.items() if on and wanted.enabled)


def index_limits_of(settings: Settings) -> IndexLimits:
    """Return the limits that the settings put on what is indexed, read by tasks and written through the gate."""
    from indexing.limits import IndexLimits  # noqa: PLC0415

    wanted = settings.index
    return IndexLimits(max_files=wanted.max_files, max_file_bytes=wanted.max_file_bytes, exclude=tuple(wanted.exclude))


def review_limits_of(settings: Settings) -> IndexLimits:
    """Return the limits of a review of whole folders: what is indexed, in the review's own size and number."""
    wanted = settings.review
    return replace(index_limits_of(settings), max_files=wanted.workspace_files, max_file_bytes=wanted.max_file_bytes)


def make_completion_exclusion(roots: Sequence[Path], settings: Settings) -> Callable[[Path], bool]:
    """Return the test whether `completion.exclude` names a file; patterns count from the file's workspace folder."""
    from indexing.workspace.patterns import compile_patterns  # noqa: PLC0415

    spec = compile_patterns(tuple(settings.completion.exclude))
    if spec is None:
        return lambda _: False

    def is_completion_excluded(path: Path) -> bool:
        root = next((root for root in roots if path.is_relative_to(root)), path.parent)
        return spec.match_file(path.relative_to(root).as_posix())

    return is_completion_excluded
