"""A check of ruff's fixes: those that might change what the program does are marked as unsafe.

ruff calls more fixes safe. An unused import may be imported from this module by another one, and importing it may have
a side effect. Start at `FixSafety.mark_unsafe_fixes`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from agents.edits import apply_edits
from agents.reviewer.ruff.module_imports import ModuleImports, is_inert, is_plain_member

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from agents.edits import Edit
    from agents.findings import Finding
    from agents.reviewer.ruff.import_index import ImportIndex
    from indexing.syntax.documents import Document

# Rules whose fixes only change layout, comments, or the notation of a value.
SAFE_CODES = (
    *("F541", "E713", "E714", "B013", "B014", "B033", "PLE251", "PIE790", "RUF100", "UP009", "UP034"),
    *("E1", "E2", "E3", "E70", "W", "Q", "COM"),
)
UNUSED_IMPORT = "F401"


@dataclass(frozen=True, slots=True)
class FixSafety:
    """A check of ruff's fixes in a document; `import_index` tells whether another file imports a name from it."""

    import_index: ImportIndex

    def mark_unsafe_fixes(self, document: Document, findings: Iterable[Finding]) -> tuple[Finding, ...]:
        """Return `findings`, with ruff's fixes that might change the program's behaviour marked as unsafe."""
        found = tuple(findings)
        unused = [one for one in found if one.code == UNUSED_IMPORT and _is_claimed_safe(one)]
        unneeded = self._find_removable(document, unused) if unused else frozenset()
        return tuple(
            one
            if not _is_claimed_safe(one) or one.code.startswith(SAFE_CODES) or one in unneeded
            else _mark_unsafe(one)
            for one in found
        )

    def _find_removable(self, document: Document, unused: Sequence[Finding]) -> frozenset[Finding]:
        """Return the findings of `unused` whose import can be removed without an effect."""
        before = ModuleImports.of(document.text)
        left = ModuleImports.of(apply_edits(document.text, _merge_edits(unused)))
        if before is None or left is None or before.in_class:
            return frozenset()
        removable = []
        for finding in unused:
            assert finding.fix is not None  # noqa: S101 (see `_is_claimed_safe`)
            after = ModuleImports.of(apply_edits(document.text, finding.fix.edits))
            if after is not None and self._are_removals_inert(document.path, before, after, left):
                names = before.names - after.names
                if not names or document.path is None or not self.import_index.may_be_imported(document.path, names):
                    removable.append(finding)
        return frozenset(removable)

    def _are_removals_inert(
        self, path: Path | None, before: ModuleImports, after: ModuleImports, left: ModuleImports
    ) -> bool:
        """Return whether the imports that a fix removes have no side effects.

        Args:
            path: the file, None if the text has none.
            before: the imports as they are.
            after: the imports after this fix.
            left: the imports after the fixes of all unused imports; an import that is left there is not removed.
        """
        beside = [] if path is None else [path.parent, self.import_index.find_root(path)]
        modules = _find_removed(before.modules, after.modules, left.modules)
        members = _find_removed(before.members, after.members, left.members)
        if not all(is_inert(module, beside) for module in modules):
            return False
        return all(
            is_plain_member(one) if is_inert(one.rpartition(".")[0], beside) else _is_in_single_file(one, beside)
            for one in members
        )


def _is_in_single_file(member: str, beside: Sequence[Path]) -> bool:
    """Return whether the module of `member` ("module.name") is a single file, so that `name` is no submodule.

    The file is searched below the folders `beside`; for a relative import, in the package that its dots refer to.
    """
    module = member.rpartition(".")[0]
    name = module.lstrip(".")
    if not name or not beside:
        return False
    up = len(module) - len(name)
    folders = [[beside[0], *beside[0].parents][up - 1]] if up and up <= len(beside[0].parents) else beside
    return any(folder.joinpath(*name.split(".")).with_suffix(".py").is_file() for folder in folders)


def _find_removed(before: Counter[str], after: Counter[str], left: Counter[str]) -> set[str]:
    """Return the names that `after` has fewer times than `before` and that `left` does not have."""
    return {name for name in before - after if not left[name]}


def _is_claimed_safe(finding: Finding) -> bool:
    """Return whether the finding has a fix that ruff calls safe."""
    return finding.source == "ruff" and finding.fix is not None and finding.fix.safe


def _mark_unsafe(finding: Finding) -> Finding:
    """Return the finding with its fix marked as unsafe."""
    assert finding.fix is not None  # noqa: S101 (see `_is_claimed_safe`)
    return replace(finding, fix=replace(finding.fix, safe=False))


def _merge_edits(findings: Sequence[Finding]) -> tuple[Edit, ...]:
    """Return the edits of all fixes in order, without those that overlap an earlier one."""
    edits = sorted(
        {edit for one in findings if one.fix for edit in one.fix.edits}, key=lambda one: (one.start, one.end)
    )
    merged: list[Edit] = []
    for edit in edits:
        if not merged or edit.start >= merged[-1].end:
            merged.append(edit)
    return tuple(merged)
