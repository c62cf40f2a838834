"""Judges the paths that a command or a call names: excluded, denied or asked about by a rule, outside of the workspace.

Start at `PathJudge`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from agents.team.permissions.paths import list_names, shorten_path
from agents.team.permissions.rules import Effect
from agents.tools import Risk, Tool
from indexing.workspace.secrets.secret_files import is_secret_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from agents.team.permissions.rules import RuleSet

READ = Tool("read_file", Risk.LOW)
WRITE = Tool("write_file", Risk.HIGH, edits=True)


@dataclass(frozen=True, slots=True)
class PathJudge:
    """Judges paths by the rules and the exclusions.

    Attributes:
        rules: the rules in force.
        roots: workspace folders.
        explain_exclusion: returns why a path may not be read, "" if it may.
        what: what names the paths, for messages: "command", "call".
    """

    rules: RuleSet
    roots: Sequence[Path]
    explain_exclusion: Callable[[Path], str]
    what: str = "command"

    def find_denial(self, paths: Sequence[Path]) -> str:
        """Return why one of `paths` may not be named, a sentence for the model; "" if all may."""
        return self.find_exclusion(paths) or self.find_denying_rule(paths)

    def find_exclusion(self, paths: Iterable[Path]) -> str:
        """Return a sentence for the model if one of `paths` is excluded or a place of secrets; "" if none is."""
        for path in paths:
            if reason := self._explain_exclusion(path):
                return f"{path} is excluded ({reason}); no {self.what} may name it."
        return ""

    def find_denying_rule(self, paths: Iterable[Path]) -> str:
        """Return a sentence for the model if a rule denies reading or changing one of `paths`; "" if none does."""
        for path in paths:
            for tool in (READ, WRITE):
                rule = self.rules.find(tool, list_names(path, self.roots))
                if rule is not None and rule.effect is Effect.DENY:
                    return f"A rule denies a path that the {self.what} names ({rule}); do without it."
        return ""

    def find_doubt(self, paths: Iterable[Path]) -> str:
        """Return why one of `paths` needs a question although a rule allows the call, a clause; "" if none does.

        It does if a rule has reading it asked about, or if it exists outside of the workspace.
        """
        for path in paths:
            rule = self.rules.find(READ, list_names(path, self.roots))
            if rule is not None and rule.effect is Effect.ASK:
                return f"a rule has {shorten_path(path, self.roots)} asked about"
            if not self._is_inside(path) and path.exists():
                return f"it names {path}, which is outside of the workspace"
        return ""

    def _explain_exclusion(self, path: Path) -> str:
        """Return why a path may not be read; "" if it may. Outside of the workspace, only places of secrets may not."""
        if self._is_inside(path):
            return self.explain_exclusion(path) if path not in self.roots else ""
        return "a place of secrets" if is_secret_path(str(path)) else ""

    def _is_inside(self, path: Path) -> bool:
        """Return whether `path` lies in a workspace folder; follows no links."""
        return any(path.is_relative_to(root) for root in self.roots)
