"""Policies, review layers and limits of the parts of the core, derived from the settings.

Sessions and the command line both use these functions. Start at `build_completion_policy`, `build_review_policy` and
`build_index_limits`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from agents.completion.completion_policy import CompletionPolicy
    from agents.findings import Layer
    from agents.next_edit.next_edits import NextEditPolicy
    from agents.reviewer.review_policy import ReviewPolicy
    from agents.team.permissions.rules import RuleSet
    from indexing.limits import IndexLimits
    from server.assembly.settings import Settings


def build_completion_policy(settings: Settings) -> CompletionPolicy:
    """Return the policy of the completion generator, derived from the settings."""
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


def build_next_edit_policy(settings: Settings) -> NextEditPolicy:
    """Return the policy of next edits, derived from the settings."""
    from agents.next_edit.next_edits import NextEditPolicy  # noqa: PLC0415
    from indexing.syntax import languages  # noqa: PLC0415

    known = ((name, languages.resolve_id(name)) for name in settings.next_edit.languages_off)
    return NextEditPolicy(
        enabled=settings.next_edit.enabled,
        languages_off=frozenset(name if ours == languages.TEXT else ours for name, ours in known),
    )


def build_review_policy(settings: Settings) -> ReviewPolicy:
    """Return the policy of the reviewer, derived from the settings."""
    from agents.findings import Severity  # noqa: PLC0415
    from agents.reviewer.review_policy import ReviewPolicy  # noqa: PLC0415
    from indexing.syntax import languages  # noqa: PLC0415

    wanted = settings.review
    known = ((name, languages.resolve_id(name)) for name in wanted.languages_off)
    return ReviewPolicy(
        enabled=wanted.enabled,
        layers=select_layers(settings),
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


def select_layers(settings: Settings) -> frozenset[Layer]:
    """Return the layers of the review that the settings turn on, even if a layer's model is not available."""
    from agents.findings import Layer  # noqa: PLC0415

    wanted = settings.review
    switches = {
        Layer.STATIC: wanted.static,
        Layer.LIKELIHOOD: wanted.likelihood != "never",
        Layer.MODEL: wanted.model,
    }
    return frozenset(layer for layer, on in switches.items() if on and wanted.enabled)


def build_index_limits(settings: Settings) -> IndexLimits:
    """Return the limits and exclusions of files that are indexed, read by tasks or written through the gate."""
    from indexing.limits import IndexLimits  # noqa: PLC0415

    wanted = settings.index
    return IndexLimits(
        max_files=wanted.max_files,
        max_file_bytes=wanted.max_file_bytes,
        exclude=tuple(wanted.exclude),
        library_bytes=wanted.libraries_mb * 1_000_000 if wanted.libraries else 0,
        disk_bytes=wanted.disk_mb * 1_000_000,
    )


def build_review_limits(settings: Settings) -> IndexLimits:
    """Return the limits of a review of whole folders: the exclusions of the index, with the review's own bounds."""
    wanted = settings.review
    return replace(build_index_limits(settings), max_files=wanted.workspace_files, max_file_bytes=wanted.max_file_bytes)


def build_rules(settings: Settings, also_allow: Sequence[str] = ()) -> RuleSet:
    """Return the rules about tools' calls: those of `team`, those of the MCP servers, and `also_allow`, which allow."""
    from agents.team.permissions.rules import RuleSet  # noqa: PLC0415

    team = settings.team
    deny, allow = settings.mcp.list_rules()
    rules = RuleSet.parse(deny=(*team.deny, *deny), ask=team.ask, allow=(*team.allow, *allow, *also_allow))
    return replace(rules, unreadable=team.unreadable)


def make_completion_exclusion(roots: Sequence[Path], settings: Settings) -> Callable[[Path], bool]:
    """Return a predicate that tells whether `completion.exclude` excludes a path.

    Patterns are relative to the workspace folder of the file.
    """
    from indexing.workspace.patterns import compile_patterns  # noqa: PLC0415

    spec = compile_patterns(tuple(settings.completion.exclude))
    if spec is None:
        return lambda _: False

    def is_completion_excluded(path: Path) -> bool:
        """Return whether a pattern excludes `path`."""
        root = next((root for root in roots if path.is_relative_to(root)), path.parent)
        return spec.match_file(path.relative_to(root).as_posix())

    return is_completion_excluded
