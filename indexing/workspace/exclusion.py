"""The exclusion filter: decides which files may be neither indexed nor sent to a model, and why.

A reason is a short phrase for people and statistics, such as "secret", "ignored", "vendored", "generated", "minified",
"binary", "too large", "build output" or "outside". Secrets come first and nothing can include them. `.starlingignore`
overrules `.gitignore` and the built-in reasons in both directions. A file that git tracks is source, whatever its
folder is called (`tracked`), unless an attribute marks it (`markers`). Reads files of rules and the start of files;
never writes. Start at `Exclusion.find_reason`.
"""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path
from typing import TYPE_CHECKING

from indexing import bounds
from indexing.syntax.texts import decode
from indexing.workspace import markers
from indexing.workspace.built_in_reasons import (
    FETCHED_MARKS,
    NAMED_BY_PEOPLE,
    SECRET_BYTES,
    find_content_reason,
    find_folder_reason,
    find_name_reason,
)
from indexing.workspace.files import read_regular
from indexing.workspace.ignore_rules import (
    ATTRIBUTES_FILE,
    DECIDING_FILES,
    IGNORE_FILES,
    Rules,
    is_ignored_above,
    join_folders,
    read_attributes,
    read_rules,
)
from indexing.workspace.patterns import compile_patterns
from indexing.workspace.secrets.secret_files import holds_secret, is_secret_folder, is_secret_name, is_secret_path
from indexing.workspace.tracked import Repository, Tracked

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from indexing.limits import IndexLimits

TOO_MANY_RULES = "too many ignore rules"
_MOST_ANSWERS = 1000
FRESH_S = 2.0  # seconds for which answers of `find_reason` are reused without looking at the disk


class Outside:
    """The filter for files in no root, which are judged by name, folders and content alone. Thread-safe."""

    def __init__(self) -> None:
        self._answers: dict[Path, tuple[float, str]] = {}

    def find_reason(self, path: Path, roots: Mapping[Path, Exclusion]) -> str:
        """Return "secret" or "outside" for an absolute path in none of `roots`; answers are reused for two seconds.

        If the path contains that of a root (`/snapshots/3/home/me/work/a.py`) and the root's file is "secret",
        "ignored" or "excluded", returns this reason.
        """
        now = time.monotonic()
        known = self._answers.get(path)
        if known is None or now - known[0] >= FRESH_S:
            if len(self._answers) > _MOST_ANSWERS:
                self._answers = {}
            known = self._answers[path] = (now, _find_root_reason(path, roots) or find_outside_reason(path))
        return known[1]


def _find_root_reason(path: Path, roots: Mapping[Path, Exclusion]) -> str:
    """Return "secret", "ignored" or "excluded" if `path` ends with the path of a root's file that has this reason.

    Returns "" in all other cases.
    """
    name = path.as_posix()
    for root, exclusion in roots.items():
        at = name.find(f"{root.as_posix()}/", 1)
        if at > 0 and (reason := exclusion.find_reason(Path(name[at:]))) in {"secret", "ignored", "excluded"}:
            return reason
    return ""


def find_outside_reason(path: Path) -> str:
    """Return "secret" for a file in no root whose name, folders or content say so, else "outside"."""
    real = Path(os.path.realpath(path))
    secrets = any(is_secret_path(one.as_posix()) for one in (path, real)) or any(map(is_secret_folder, real.parts[:-1]))
    return "secret" if secrets or _is_secret_file(real) else "outside"


def _is_secret_file(path: Path) -> bool:
    """Return whether the start of a regular file holds a secret; False if it cannot be read."""
    try:
        return holds_secret(decode(read_regular(path, SECRET_BYTES)[0]), path.name)
    except OSError:
        return False


class Exclusion:
    """The filter of one root."""

    def __init__(self, root: Path, limits: IndexLimits) -> None:
        self.root = Path(os.path.realpath(root))
        self._limits = limits
        self._excluded = compile_patterns(tuple(limits.exclude))
        self._answers: dict[Path, tuple[float, str]] = {}
        self._tracked = Tracked()

    def read_root_rules(self) -> Rules:
        """Return the rules in force at the root, those of a Git work tree around it included."""
        return self._read_rules(self.root, "", DECIDING_FILES, self._read_rules_above())

    def _read_rules_above(self) -> Rules | None:
        """Return the rules of the Git work tree around the root; None without one, or if it ignores the root.

        A person who opens an ignored folder as a workspace wants its files to be indexed.
        """
        repository = Repository.around(self.root)
        if repository is None:
            return None
        top = repository.top
        inside = self.root.relative_to(top).parts
        rules = Rules("", read_rules(repository.common / "info" / "exclude"), None, None, join_folders(inside))
        for depth, name in enumerate(inside):
            rules = self._read_rules(
                top.joinpath(*inside[:depth]), "", DECIDING_FILES, rules, join_folders(inside[depth:])
            )
            if is_ignored_above(rules, inside, depth, name):
                return None
        return rules

    def read_folder_rules(self, outer: Rules, folder: str, relative: str, held: Collection[str]) -> Rules:
        """Return the rules in force in `folder`.

        Args:
            outer: rules of the parent folder.
            folder: absolute path.
            relative: the same relative to the root, with a trailing "/".
            held: names of files in it.
        """
        present = [name for name in DECIDING_FILES if name in held]
        return self._read_rules(Path(folder), relative, present, outer) if present else outer

    @staticmethod
    def _read_rules(folder: Path, base: str, present: Collection[str], outer: Rules | None, above: str = "") -> Rules:
        """Return the rules of the files named in `present` of `folder`, with `outer` as the rules of its parent folder.

        `base` and `above` as in `Rules`.
        """
        git, own = (read_rules(folder / name) if name in present else None for name in IGNORE_FILES)
        marks = (
            markers.parse_attributes(read_attributes(folder / ATTRIBUTES_FILE)) if ATTRIBUTES_FILE in present else ()
        )
        plain = own is None and not marks and (outer is None or outer.plain)
        return Rules(base, git, own, outer, above, marks, plain)

    def find_folder_reason(self, rules: Rules, name: str, relative: str, held: Collection[str]) -> str:
        """Return the reason to exclude the folder `relative` (trailing "/"), whose entries are `held`; "" to enter it.

        A folder that is only named like build output, or "vendor", is entered if git tracks files in it.
        """
        built_in = find_folder_reason(name, held)
        if (built_in == "build output" and "CACHEDIR.TAG" not in held) or (
            name == "vendor" and built_in == "vendored" and FETCHED_MARKS.isdisjoint(held)
        ):
            # git's index comes last, because it may be long
            built_in = "" if self._tracked.has_folder(self.root / relative) else built_in
        return built_in if built_in in {"secret", "version control"} else self._apply_rules(rules, relative, built_in)

    def find_file_reason(self, rules: Rules, name: str, relative: str) -> str:
        """Return the reason to exclude the file `relative` by its name and the rules in force; "" for none.

        A file that git tracks is not excluded by `.gitignore`.
        """
        built_in = "secret" if is_secret_path(relative) else find_name_reason(name)
        if built_in == "secret":
            return built_in
        if not rules.plain and built_in in {"", "generated"}:
            marks = {reason: rules.is_marked(relative, reason) for reason in ("generated", "vendored")}
            built_in = "" if marks["generated"] is False else built_in
            built_in = built_in or next((reason for reason, marked in marks.items() if marked), "")
        if built_in == "generated" and rules.is_marked(relative, "generated") is None and NAMED_BY_PEOPLE.search(name):
            built_in = "" if self._tracked.has_file(self.root / relative) else built_in
        reason = self._apply_rules(rules, relative, built_in)
        # "ignored" also counts for a notebook's cells and older versions of the file, which "notebook" would not
        return "ignored" if reason and reason == built_in and rules.is_ignored(relative, starling=False) else reason

    @staticmethod
    def find_waived_reasons(rules: Rules, relative: str) -> tuple[str, ...]:
        """Return the reasons to exclude `relative` by content that do not apply, because a rule includes it."""
        if rules.plain:
            return ()
        if rules.is_ignored(relative, starling=True) is False:
            return ("generated", "minified", "long lines")
        return ("generated",) if rules.is_marked(relative, "generated") is False else ()

    def find_waived_reasons_at(self, path: Path) -> tuple[str, ...]:
        """Return the waived reasons of the absolute `path`, as `find_waived_reasons`; none outside of the root."""
        try:
            parts = Path(os.path.realpath(path)).relative_to(self.root).parts
        except (ValueError, OSError):
            return ()
        rules, _, _ = self._descend(parts[:-1])
        return self.find_waived_reasons(rules, "/".join(parts))

    def _descend(self, parts: Sequence[str]) -> tuple[Rules, str, str]:
        """Return the rules in the folder `parts`, the first excluded folder on the way to it, and the reason.

        The last two are "" if none is excluded.
        """
        rules, relative, folder, stop, why = self.read_root_rules(), "", self.root, "", ""
        for name in parts:
            folder, relative = folder / name, f"{relative}{name}/"
            held = _list_deciding_names(folder)
            if not why and (why := self.find_folder_reason(rules, name, relative, held)):
                stop = relative
            rules = self.read_folder_rules(rules, str(folder), relative, held)
        return rules, stop, why

    def locate_reason(self, path: Path) -> tuple[str, str]:
        """Return the reason to exclude `path`, "" for none, and the root-relative file or folder that it is about.

        For a path outside of the root, the second is its file name.
        """
        try:
            parts = Path(os.path.realpath(path)).relative_to(self.root).parts
        except (ValueError, OSError):
            return self.find_reason(path), path.name
        stop = self._descend(parts[:-1])[1]
        return self.find_reason(path), stop or "/".join(parts)

    def find_reason(self, path: Path) -> str:
        """Return why `path` (absolute; it need not exist) may be neither indexed nor sent to a model; "" if it may.

        Answers are reused for `FRESH_S` seconds, so that a call at each key costs little.
        """
        now = time.monotonic()
        known = self._answers.get(path)
        if known is not None and now - known[0] < FRESH_S:
            return known[1]
        if len(self._answers) > _MOST_ANSWERS:
            self._answers = {}
        answer = self._compute_reason(path)
        self._tracked.release()
        self._answers[path] = (now, answer)
        return answer

    def _compute_reason(self, path: Path) -> str:
        """Return the reason to exclude `path`, as `find_reason` does, without its cache."""
        if is_secret_name(path.name):
            return "secret"  # even if a link of that name leads to a harmless file
        try:
            real = Path(os.path.realpath(path))
            parts = real.relative_to(self.root).parts
        except (ValueError, OSError):
            return find_outside_reason(path)
        if not parts:
            return ""
        rules, _, why = self._descend(parts[:-1])
        relative = "/".join(parts)
        return (
            why
            or self.find_file_reason(rules, parts[-1], relative)
            or self._find_content_reason(real, self.find_waived_reasons(rules, relative))
        )

    def _apply_rules(self, rules: Rules, relative: str, built_in: str) -> str:
        """Return the reason to exclude `relative`, "" for none.

        Settings decide first, then `.starlingignore`, the reason `built_in` and `.gitignore`.
        """
        if self._excluded is not None and (
            self._excluded.most_tried > bounds.IGNORE_RULES or self._excluded.match_file(relative)
        ):
            return "excluded"
        if rules.has_too_many_rules:
            return TOO_MANY_RULES
        own = rules.is_ignored(relative, starling=True)
        if own is not None:
            return "ignored" if own else ""
        if built_in or not rules.is_ignored(relative, starling=False):
            return built_in
        path = self.root / relative
        tracked = self._tracked.has_folder(path) if relative.endswith("/") else self._tracked.has_file(path)
        return "" if tracked else "ignored"  # like git, which never ignores tracked files

    def _find_content_reason(self, path: Path, waived: Collection[str]) -> str:
        """Return the reason to exclude `path` by its type, size or content; "" for none, a folder or a missing file."""
        try:
            found = path.stat()
            if not stat.S_ISREG(found.st_mode):
                return "" if stat.S_ISDIR(found.st_mode) else "special"
            if found.st_size > self._limits.max_file_bytes:
                return "too large"
            data = read_regular(path, self._limits.max_file_bytes + 1)[0]
            return find_content_reason(data, self._limits, path.name, waived)
        except FileNotFoundError:
            return ""  # not saved yet: only its name is known
        except OSError:
            return "unreadable"


def _list_deciding_names(folder: Path) -> frozenset[str]:
    """Return which of the names that decide whether `folder` is excluded exist in it.

    They are looked up one by one, because a folder may hold very many.
    """
    deciding = ("__init__.py", "pyvenv.cfg", "CACHEDIR.TAG", *DECIDING_FILES, *FETCHED_MARKS)
    return frozenset(name for name in deciding if (folder / name).exists())
