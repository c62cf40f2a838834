"""The files that a call may read by the person's rules, however it comes to them: by name, search, index or diff.

A rule about a path is matched with what a call names before it runs. Searches, lists and edits reach further files;
those that a rule denies, or has asked about, are treated like excluded ones. Start at `restrict_reads`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from agents.team.permissions.paths import list_names
from agents.team.permissions.rules import Effect, RuleSet
from agents.tools import Risk, Tool

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from agents.team.tool import Workbench

READ = Tool("read_file", Risk.LOW)


def restrict_reads(bench: Workbench, tool: Tool) -> Workbench:
    """Return `bench` with those files excluded that the person's rules withhold from a call of `tool`."""
    rules = RuleSet(tuple(one for one in bench.rules.rules if one.path and one.effect is not Effect.ALLOW))
    if not rules.rules:
        return bench
    tools = (tool, READ) if tool.risk is Risk.LOW else (READ,)

    def explain(path: Path) -> str:
        """Return why `path` may not be read, by the exclusions or by a rule of the person; "" if it may."""
        if reason := bench.explain_exclusion(path):
            return reason
        names = list_names(path, bench.roots)
        found = [rule for one in tools if (rule := rules.find(one, names)) is not None]
        for rule in found:
            if rule.effect is Effect.DENY:
                return f"a rule denies reading it: {rule}"
            if rule.effect is Effect.ASK and not _is_permitted(path, bench):
                return f"a rule has it asked about: {rule}; read it with read_file first"
        return ""

    def read(path: Path) -> str | None:
        """Return the text of a file; None if it may not or cannot be read."""
        return None if explain(path) else bench.read(path)

    def list_files() -> Iterator[Path]:
        """Return the files of the workspace that may be read."""
        return (path for path in bench.list_files() if not explain(path))

    return replace(bench, read=read, list_files=list_files, explain_exclusion=explain)


def _is_permitted(path: Path, bench: Workbench) -> bool:
    """Return whether the person has permitted to read `path`, or a folder around it, in this turn."""
    return any(path.is_relative_to(one) for one in bench.permitted)
