"""The one exclusion filter: what may be neither indexed nor sent to a model, and why.

Reasons are single words or short phrases for people and statistics ("secret", "ignored", "vendored", "generated",
"minified", "lock file", "binary", "too large", "build output", "cache", "outside", "link", ...). Secrets come first and
nothing can allow them; `.starlingignore` overrules `.gitignore` and the built-in rules in both directions. What git
tracks is source, whatever its folder is called (`indexing.workspace.tracked`), unless it is marked
(`indexing.workspace.markers`). Reads ignore files and file heads, never writes. Start at `Exclusion.reason`.
"""

from __future__ import annotations

import os
import re
import stat
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from indexing import bounds
from indexing.syntax.texts import decode
from indexing.workspace import markers
from indexing.workspace.files import read_regular
from indexing.workspace.patterns import Patterns, compiled
from indexing.workspace.secrets.secret_files import (
    SECRET_FOLDERS,
    holds_secret,
    is_secret_folder,
    is_secret_name,
    is_secret_path,
)
from indexing.workspace.tracked import Repository, Tracked

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from indexing.limits import IndexLimits

IGNORE_FILES = (".gitignore", ".starlingignore")
ATTRIBUTES_FILE = ".gitattributes"
DECIDING_FILES = (*IGNORE_FILES, ATTRIBUTES_FILE)
"""Files whose change may change what is left out."""
_HEAD_BYTES = 8192
_SECRET_BYTES = 1 << 17  # of a file, in which secrets are looked for
TOO_MANY_RULES = "too many ignore rules"
_KEPT_RULES = 256  # ignore files whose rules are kept
_SETTLED_S = 2.0  # a file changed so lately may change again without showing it
_ANSWERS = 1000  # that are kept
FRESH_S = 2.0  # how long answers of `reason` are reused without looking at the disk


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


FOLDERS: dict[str, str] = {
    **dict.fromkeys(_words(".git .hg .svn .bzr .jj CVS _darcs"), "version control"),
    **dict.fromkeys(
        _words(
            "node_modules bower_components jspm_packages vendor _vendor third_party third-party 3rdparty Pods Carthage"
        ),
        "vendored",
    ),
    **dict.fromkeys(_words(".venv venv .virtualenv virtualenv .tox .nox site-packages dist-packages"), "environment"),
    **dict.fromkeys(
        _words(
            "build dist out target _build .next .nuxt .svelte-kit .output .gradle .dart_tool .build .eggs DerivedData"
            " .terraform .serverless .parcel-cache .turbo .angular bazel-bin bazel-out bazel-testlogs storybook-static"
        ),
        "build output",
    ),
    **dict.fromkeys(
        _words(
            "__pycache__ .mypy_cache .pytest_cache .ruff_cache .hypothesis .cache .ipynb_checkpoints htmlcov"
            " .nyc_output .idea .vs .fleet .direnv"
        ),
        "cache",
    ),
    **dict.fromkeys(SECRET_FOLDERS, "secret"),
}
"""Folders by name; "build output" only where git tracks nothing in the folder and it holds no Python package."""

_PACKAGE_NAMES = _words("build dist out target vendor _build")
_FETCHED = _words("modules.txt autoload.php bundle .bundle")  # what package managers leave in a folder named "vendor"

BINARY_EXTENSIONS = _words(
    ".png .jpg .jpeg .gif .bmp .ico .webp .tif .tiff .psd .ai .avif .heic .icns .mp3 .mp4 .m4a .wav .ogg .flac"
    " .avi .mov .mkv .webm .zip .gz .bz2 .xz .zst .7z .rar .tar .tgz .jar .war .ear .whl .egg .apk .ipa .deb .rpm"
    " .dmg .iso .pdf .doc .docx .xls .xlsx .ppt .pptx .odt .ods .woff .woff2 .ttf .otf .eot .pyc .pyo .pyd .so"
    " .dylib .dll .exe .o .a .lib .obj .class .wasm .bin .dat .db .sqlite .sqlite3 .mdb .parquet .feather .arrow"
    " .npy .npz .pt .pth .onnx .h5 .safetensors .gguf .pkl .pickle .joblib .crt .cer .der .msgpack .rdb .swp"
    " .nupkg .pdb .ilk .idx .pack"
)
_EXTENSIONS = {
    **dict.fromkeys(BINARY_EXTENSIONS, "binary"),
    ".ipynb": "notebook",  # its cells come from the editor; what they have printed is no code
    ".lock": "lock file",
}
_NAMES = {
    **dict.fromkeys(
        _words(
            "package-lock.json npm-shrinkwrap.json pnpm-lock.yaml go.sum packages.lock.json gradle.lockfile bun.lockb"
            " .terraform.lock.hcl deno.lock"
        ),
        "lock file",
    ),
    ".git": "version control",  # of a linked work tree or a submodule
}
_MINIFIED = re.compile(r"[.-]min\.(js|mjs|cjs|css)$|\.(bundle|chunk)\.(js|css)$|\.map$|\.min\.html$", re.IGNORECASE)
_GENERATED = re.compile(
    r"_pb2(_grpc)?\.pyi?$|\.pb(\.gw)?\.(go|cc|h|swift)$|\.(g|freezed|mocks|gr)\.dart$|\.(designer|g|g\.i)\.cs$"
    r"|\.generated\.\w+$|^zz_generated|_generated\.\w+$|\.snap$",
    re.IGNORECASE,
)
_OF_NO_TOOL = re.compile(r"_generated\.\w+$", re.IGNORECASE)  # no tool's own ending: people name files so as well
_TWO_BYTE_MARKS = (b"\xff\xfe", b"\xfe\xff")


class Outside:
    """The filter for files in no root, of which only their names, folders and content can be judged. Thread-safe."""

    def __init__(self) -> None:
        self._answers: dict[Path, tuple[float, str]] = {}

    def reason(self, path: Path, roots: Mapping[Path, Exclusion]) -> str:
        """Return "secret" or "outside" for an absolute path in none of `roots`; answers are reused for two seconds.

        A path that names one of `roots` further on (`/snapshots/3/home/me/work/a.py`) is left out where that file is.
        """
        now = time.monotonic()
        known = self._answers.get(path)
        if known is None or now - known[0] >= FRESH_S:
            if len(self._answers) > _ANSWERS:
                self._answers = {}
            known = self._answers[path] = (now, _within(path, roots) or outside(path))
        return known[1]


def _within(path: Path, roots: Mapping[Path, Exclusion]) -> str:
    """Return why the file of a root that a path ends with is ignored, "" when it is not or there is none."""
    name = path.as_posix()
    for root, exclusion in roots.items():
        at = name.find(f"{root.as_posix()}/", 1)
        if at > 0 and (reason := exclusion.reason(Path(name[at:]))) in {"secret", "ignored", "excluded"}:
            return reason
    return ""


def outside(path: Path) -> str:
    """Return the reason for a file in no root: "secret" by its names, folders or content, else "outside"."""
    real = Path(os.path.realpath(path))
    secrets = any(is_secret_path(one.as_posix()) for one in (path, real)) or any(map(is_secret_folder, real.parts[:-1]))
    return "secret" if secrets or _is_secret_file(real) else "outside"


def _is_secret_file(path: Path) -> bool:
    """Return whether a regular file is a secret by its content."""
    try:
        return holds_secret(decode(read_regular(path, _SECRET_BYTES)[0]), path.name)
    except OSError:
        return False


def name_reason(name: str) -> str:
    """Why a file of this name is left out, "" when its name is no reason."""
    if is_secret_name(name):
        return "secret"
    dot = name.rfind(".")
    reason = _EXTENSIONS.get(name[dot:].lower(), "") if dot >= 0 else ""
    if reason := reason or _NAMES.get(name, ""):
        return reason
    if _MINIFIED.search(name):
        return "minified"
    return "generated" if _GENERATED.search(name) else ""


def folder_reason(name: str, held: Collection[str]) -> str:
    """Why a folder of this name that holds files named `held` is left out, "" when it is not."""
    reason = "secret" if is_secret_folder(name) else FOLDERS.get(name, "")
    if reason in {"build output", "vendored"} and name in _PACKAGE_NAMES and "__init__.py" in held:
        reason = ""
    if not reason and "pyvenv.cfg" in held:
        reason = "environment"
    if not reason and (name.startswith("cmake-build-") or name.endswith(".egg-info") or "CACHEDIR.TAG" in held):
        reason = "build output"
    return reason


def content_reason(data: bytes, limits: IndexLimits, name: str, waived: Collection[str] = ()) -> str:
    """Return why a file of this name and content is left out, "" when it is not; `waived` reasons do not count."""
    if len(data) > limits.max_file_bytes:
        return "too large"
    if b"\0" in data[:_HEAD_BYTES] and data[:2] not in _TWO_BYTE_MARKS:
        return "binary"
    if holds_secret(decode(data[:_SECRET_BYTES]), name):
        return "secret"
    if "generated" not in waived and markers.is_generated(data):
        return "generated"
    lines = data.count(b"\n") + data.count(b"\r") + 3
    if "minified" not in waived and len(data) > limits.max_mean_line_bytes * lines:
        return "minified"
    return "long lines" if "long lines" not in waived and _has_long_line(data, limits.max_line_bytes) else ""


def _has_long_line(data: bytes, longest: int) -> bool:
    """Whether a line has more than `longest` bytes; looks at one place per `longest` bytes or so."""
    start, end = 0, len(data)
    while end - start > longest:
        at = max(data.rfind(b"\n", start, start + longest + 1), data.rfind(b"\r", start, start + longest + 1))
        if at < 0:
            return True
        start = at + 1
    return False


@dataclass(frozen=True, slots=True)
class Rules:
    """The ignore rules in force in one folder: those of its own files, then those of the folders around it.

    Attributes:
        base: root-relative folder with a trailing "/", "" for the root.
        git: rules of `.gitignore` here.
        own: rules of `.starlingignore` here.
        outer: rules of the folder around it.
        above: for folders above the root: what leads from there to the root, with a trailing "/".
        marks: what `.gitattributes` here marks, by reason.
        plain: whether neither here nor around it anything but `.gitignore` speaks.
    """

    base: str
    git: Patterns | None
    own: Patterns | None
    outer: Rules | None = None
    above: str = ""
    marks: tuple[tuple[str, Patterns], ...] = ()
    plain: bool = True

    @property
    def excessive(self) -> bool:
        """Whether there are more rules than anybody can wait for: then all that they could speak of is left out."""
        tried, rules = 0, self
        while True:
            tried += sum(spec.tried for spec in (rules.git, rules.own) if spec is not None)
            if tried > bounds.IGNORE_RULES or rules.outer is None:
                return tried > bounds.IGNORE_RULES
            rules = rules.outer

    def ignored(self, relative: str, *, starling: bool) -> bool | None:
        """Whether the innermost rule that speaks of `relative` (folders end with "/") ignores it; None if none does."""
        rules: Rules | None = self
        while rules is not None:
            spec = rules.own if starling else rules.git
            if spec is not None:
                said = spec.check_file(rules.above + relative[len(rules.base) :]).include
                if said is not None:
                    return said
            rules = rules.outer
        return None

    def marked(self, relative: str, reason: str) -> bool | None:
        """Whether `.gitattributes` marks `relative` so; None if no rule speaks of it, False if one takes it back."""
        rules: Rules | None = None if self.plain else self
        while rules is not None:
            for known, spec in rules.marks:
                if known == reason:
                    said = spec.check_file(rules.above + relative[len(rules.base) :]).include
                    if said is not None:
                        return said
            rules = rules.outer
        return None


class Exclusion:
    """The filter of one root."""

    def __init__(self, root: Path, limits: IndexLimits) -> None:
        self.root = Path(os.path.realpath(root))
        self._limits = limits
        self._excluded = compiled(tuple(limits.exclude))
        self._answers: dict[Path, tuple[float, str]] = {}
        self._tracked = Tracked()

    def root_rules(self) -> Rules:
        """Rules in force at the root itself, those of a Git work tree around it included."""
        return self._rules(self.root, "", DECIDING_FILES, self._rules_above())

    def _rules_above(self) -> Rules | None:
        """Rules that a Git work tree around the root has for what lies in it; none when it ignores the root itself.

        A person who opens an ignored folder as a workspace wants its files to be known.
        """
        repository = Repository.around(self.root)
        if repository is None:
            return None
        top = repository.top
        inside = self.root.relative_to(top).parts
        rules = Rules("", _read_rules(repository.common / "info" / "exclude"), None, None, _joined(inside))
        for depth, name in enumerate(inside):
            rules = self._rules(top.joinpath(*inside[:depth]), "", DECIDING_FILES, rules, _joined(inside[depth:]))
            if _ignored_above(rules, inside, depth, name):
                return None
        return rules

    def enter(self, outer: Rules, folder: str, relative: str, held: Collection[str]) -> Rules:
        """Rules in force in `folder` (`relative` to the root, with a trailing "/"), which holds files named `held`."""
        present = [name for name in DECIDING_FILES if name in held]
        return self._rules(Path(folder), relative, present, outer) if present else outer

    @staticmethod
    def _rules(folder: Path, base: str, present: Collection[str], outer: Rules | None, above: str = "") -> Rules:
        git, own = (_read_rules(folder / name) if name in present else None for name in IGNORE_FILES)
        marks = markers.attributes(_read(folder / ATTRIBUTES_FILE)) if ATTRIBUTES_FILE in present else ()
        plain = own is None and not marks and (outer is None or outer.plain)
        return Rules(base, git, own, outer, above, marks, plain)

    def folder(self, rules: Rules, name: str, relative: str, held: Collection[str]) -> str:
        """Why the folder `relative` (trailing "/") is left out, "" when it is entered."""
        built_in = folder_reason(name, held)
        if (built_in == "build output" and "CACHEDIR.TAG" not in held) or (
            name == "vendor" and built_in == "vendored" and _FETCHED.isdisjoint(held)
        ):
            # git is asked last, as its list may be long
            built_in = "" if self._tracked.folder(self.root / relative) else built_in
        return built_in if built_in in {"secret", "version control"} else self._weigh(rules, relative, built_in)

    def file(self, rules: Rules, name: str, relative: str) -> str:
        """Why the file `relative` is left out by its name and the ignore rules, "" when it is not."""
        built_in = "secret" if is_secret_path(relative) else name_reason(name)
        if built_in == "secret":
            return built_in
        if not rules.plain and built_in in {"", "generated"}:
            said = {reason: rules.marked(relative, reason) for reason in ("generated", "vendored")}
            built_in = "" if said["generated"] is False else built_in
            built_in = built_in or next((reason for reason, marked in said.items() if marked), "")
        if built_in == "generated" and rules.marked(relative, "generated") is None and _OF_NO_TOOL.search(name):
            built_in = "" if self._tracked.file(self.root / relative) else built_in
        reason = self._weigh(rules, relative, built_in)
        # what only its form leaves out is ignored too, for the sake of what else stands for it: cells, versions
        return "ignored" if reason and reason == built_in and rules.ignored(relative, starling=False) else reason

    @staticmethod
    def waived(rules: Rules, relative: str) -> tuple[str, ...]:
        """Reasons of a file's content that do not count, as somebody wants the file whatever it holds."""
        if rules.plain:
            return ()
        if rules.ignored(relative, starling=True) is False:
            return ("generated", "minified", "long lines")
        return ("generated",) if rules.marked(relative, "generated") is False else ()

    def waived_at(self, path: Path) -> tuple[str, ...]:
        """Return the same for `path`; nothing for what is outside of the root."""
        try:
            parts = Path(os.path.realpath(path)).relative_to(self.root).parts
        except (ValueError, OSError):
            return ()
        rules, _, _ = self._way(parts[:-1])
        return self.waived(rules, "/".join(parts))

    def _way(self, parts: Sequence[str]) -> tuple[Rules, str, str]:
        """Return the rules in a folder of the root, and the folder on the way that is left out, and why."""
        rules, relative, folder, stop, why = self.root_rules(), "", self.root, "", ""
        for name in parts:
            folder, relative = folder / name, f"{relative}{name}/"
            held = _held(folder)
            if not why and (why := self.folder(rules, name, relative, held)):
                stop = relative
            rules = self.enter(rules, str(folder), relative, held)
        return rules, stop, why

    def left_out(self, path: Path) -> tuple[str, str]:
        """Return why `path` is left out, and what is, relative to the root: the file, or a folder around it."""
        try:
            parts = Path(os.path.realpath(path)).relative_to(self.root).parts
        except (ValueError, OSError):
            return self.reason(path), path.name
        stop = self._way(parts[:-1])[1]
        return self.reason(path), stop or "/".join(parts)

    def reason(self, path: Path) -> str:
        """Why `path` (absolute; it need not exist) may be neither indexed nor sent to a model; "" when it may.

        Answers are reused for two seconds, so that asking at each key costs nothing.
        """
        now = time.monotonic()
        known = self._answers.get(path)
        if known is not None and now - known[0] < FRESH_S:
            return known[1]
        if len(self._answers) > _ANSWERS:
            self._answers = {}
        answer = self._reason(path)
        self._tracked.release()
        self._answers[path] = (now, answer)
        return answer

    def _reason(self, path: Path) -> str:
        if is_secret_name(path.name):
            return "secret"  # also where the link of that name leads to something harmless
        try:
            real = Path(os.path.realpath(path))
            parts = real.relative_to(self.root).parts
        except (ValueError, OSError):
            return outside(path)
        if not parts:
            return ""
        rules, _, why = self._way(parts[:-1])
        relative = "/".join(parts)
        return why or self.file(rules, parts[-1], relative) or self._content(real, self.waived(rules, relative))

    def _weigh(self, rules: Rules, relative: str, built_in: str) -> str:
        if self._excluded is not None and (
            self._excluded.tried > bounds.IGNORE_RULES or self._excluded.match_file(relative)
        ):
            return "excluded"
        if rules.excessive:
            return TOO_MANY_RULES
        ours = rules.ignored(relative, starling=True)
        if ours is not None:
            return "ignored" if ours else ""
        if built_in or not rules.ignored(relative, starling=False):
            return built_in
        path = self.root / relative
        tracked = self._tracked.folder(path) if relative.endswith("/") else self._tracked.file(path)
        return "" if tracked else "ignored"  # as for git itself, ignoring ends where tracking begins

    def _content(self, path: Path, waived: Collection[str]) -> str:
        try:
            found = path.stat()
            if not stat.S_ISREG(found.st_mode):
                return "" if stat.S_ISDIR(found.st_mode) else "special"
            if found.st_size > self._limits.max_file_bytes:
                return "too large"
            data = read_regular(path, self._limits.max_file_bytes + 1)[0]
            return content_reason(data, self._limits, path.name, waived)
        except FileNotFoundError:
            return ""  # not saved yet: nothing but its name can be judged
        except OSError:
            return "unreadable"


def _joined(parts: Sequence[str]) -> str:
    return "".join(f"{part}/" for part in parts)


def _ignored_above(rules: Rules | None, inside: Sequence[str], depth: int, name: str) -> bool:
    """Whether the rules of the folders above ignore the folder `inside[: depth + 1]` on the way to the root."""
    while rules is not None:
        way = rules.above.removesuffix(_joined(inside[depth:])) + f"{name}/"
        for spec in (rules.own, rules.git):
            said = spec.check_file(way).include if spec is not None else None
            if said is not None:
                return said
        rules = rules.outer
    return False


def _held(folder: Path) -> frozenset[str]:
    """Names in `folder` that decide something; looked up one by one, as a folder may hold very many."""
    wanted = ("__init__.py", "pyvenv.cfg", "CACHEDIR.TAG", *DECIDING_FILES, *_FETCHED)
    return frozenset(name for name in wanted if (folder / name).exists())


def _read(path: Path) -> str:
    """Return the text of a file of rules; "" where there is none, or one that is too long to be meant."""
    try:
        data, _ = read_regular(path, bounds.IGNORE_BYTES + 1)
    except OSError:
        return ""
    return data.decode(errors="replace") if len(data) <= bounds.IGNORE_BYTES else ""


def _read_rules(path: Path) -> Patterns | None:
    """Return the rules of an ignore file; those of a file that does not change are read once."""
    try:
        found = path.stat()
        key = (str(path), found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
        known = _RULES.get(key)
        if known is None:
            known = _parsed_rules(path)
            if time.time() - found.st_ctime > _SETTLED_S:
                if len(_RULES) >= _KEPT_RULES:
                    _RULES.clear()
                _RULES[key] = known
    except OSError:
        return None
    return known


_RULES: dict[tuple[str, int, int, int, int], Patterns] = {}


def _parsed_rules(path: Path) -> Patterns:
    data, _ = read_regular(path, bounds.IGNORE_BYTES + 1)
    if len(data) > bounds.IGNORE_BYTES:
        return Patterns.endless()
    lines = data.decode(errors="replace").splitlines()
    return Patterns(
        [line for line in dict.fromkeys(reversed(lines)) if line.strip() and not line.startswith("#")][::-1]
    )
