"""Which of ruff's fixes leave what the program does as it is: ruff calls more of them safe than that.

An unused import may be imported from here by another module, and may do something by being imported. Start at
`Safety.judged`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from agents.edits import apply_edits
from agents.reviewer.ruff.module_imports import Imports, acts_not, is_plain_member

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from agents.edits import Edit
    from agents.findings import Finding
    from agents.reviewer.ruff.import_index import Importers
    from indexing.syntax.documents import Document

# Fixes of ruff's that change layout, comments, or the way in which the same value is written; nothing else.
KEEPING = (
    *("F541", "E713", "E714", "B013", "B014", "B033", "PLE251", "PIE790", "RUF100", "UP009", "UP034"),
    *("E1", "E2", "E3", "E70", "W", "Q", "COM"),
)
UNUSED_IMPORT = "F401"


@dataclass(frozen=True, slots=True)
class Safety:
    """Judges the fixes of a document; `importers` knows who imports from it."""

    importers: Importers

    def judged(self, document: Document, findings: Iterable[Finding]) -> tuple[Finding, ...]:
        """Return `findings` with fixes safe only where they change nothing that shows."""
        found = tuple(findings)
        removing = [one for one in found if one.code == UNUSED_IMPORT and _is_claimed(one)]
        unneeded = self._unneeded(document, removing) if removing else frozenset()
        return tuple(
            one if not _is_claimed(one) or one.code.startswith(KEEPING) or one in unneeded else _questioned(one)
            for one in found
        )

    def _unneeded(self, document: Document, removing: Sequence[Finding]) -> frozenset[Finding]:
        """Return the findings of `removing` whose import is unused elsewhere."""
        before = Imports.of(document.text)
        left = Imports.of(apply_edits(document.text, _together(removing)))
        if before is None or left is None or before.in_class:
            return frozenset()
        kept = []
        for finding in removing:
            assert finding.fix is not None  # noqa: S101 (see `_is_claimed`)
            after = Imports.of(apply_edits(document.text, finding.fix.edits))
            if after is not None and self._acts_not(document.path, before, after, left):
                names = before.names - after.names
                if not names or document.path is None or not self.importers.may_use(document.path, names):
                    kept.append(finding)
        return frozenset(kept)

    def _acts_not(self, path: Path | None, before: Imports, after: Imports, left: Imports) -> bool:
        """Return whether the modules no longer imported have no import side effects."""
        beside = [] if path is None else [path.parent, self.importers.root_of(path)]
        modules = _gone(before.modules, after.modules, left.modules)
        members = _gone(before.members, after.members, left.members)
        if not all(acts_not(module, beside) for module in modules):
            return False
        return all(
            is_plain_member(one) if acts_not(one.rpartition(".")[0], beside) else _is_defined(one, beside)
            for one in members
        )


def _is_defined(member: str, beside: Sequence[Path]) -> bool:
    """Return whether `module.name` is taken from a module of the workspace that is one file, so is no module itself."""
    module = member.rpartition(".")[0]
    name = module.lstrip(".")
    if not name or not beside:
        return False
    up = len(module) - len(name)
    folders = [[beside[0], *beside[0].parents][up - 1]] if up and up <= len(beside[0].parents) else beside
    return any(folder.joinpath(*name.split(".")).with_suffix(".py").is_file() for folder in folders)


def _gone(before: Counter[str], after: Counter[str], left: Counter[str]) -> set[str]:
    return {name for name in before - after if not left[name]}


def _is_claimed(finding: Finding) -> bool:
    return finding.source == "ruff" and finding.fix is not None and finding.fix.safe


def _questioned(finding: Finding) -> Finding:
    assert finding.fix is not None  # noqa: S101 (see `_is_claimed`)
    return replace(finding, fix=replace(finding.fix, safe=False))


def _together(findings: Sequence[Finding]) -> tuple[Edit, ...]:
    """Return the edits of all fixes that do not overlap, in order."""
    edits = sorted(
        {edit for one in findings if one.fix for edit in one.fix.edits}, key=lambda one: (one.start, one.end)
    )
    made: list[Edit] = []
    for edit in edits:
        if not made or edit.start >= made[-1].end:
            made.append(edit)
    return tuple(made)
