"""Built-in reasons to exclude a file or folder: by its name, by what lies in a folder, and by a file's content.

The tables hold names that tools give to what they install, build, cache or generate. Reads no disk. Start at
`find_name_reason`, `find_folder_reason` and `find_content_reason`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from indexing.syntax.texts import decode
from indexing.workspace import markers
from indexing.workspace.secrets.secret_files import SECRET_FOLDERS, holds_secret, is_secret_folder, is_secret_name

if TYPE_CHECKING:
    from collections.abc import Collection

    from indexing.limits import IndexLimits

_HEAD_BYTES = 8192
SECRET_BYTES = 1 << 17
"""Length of the start of a file that is searched for secrets, in bytes."""


def _split_words(text: str) -> frozenset[str]:
    """Return the words of `text`, which are separated by white space."""
    return frozenset(text.split())


FOLDERS: dict[str, str] = {
    **dict.fromkeys(_split_words(".git .hg .svn .bzr .jj CVS _darcs"), "version control"),
    **dict.fromkeys(
        _split_words(
            "node_modules bower_components jspm_packages vendor _vendor third_party third-party 3rdparty Pods Carthage"
        ),
        "vendored",
    ),
    **dict.fromkeys(
        _split_words(".venv venv .virtualenv virtualenv .tox .nox site-packages dist-packages"), "environment"
    ),
    **dict.fromkeys(
        _split_words(
            "build dist out target _build .next .nuxt .svelte-kit .output .gradle .dart_tool .build .eggs DerivedData"
            " .terraform .serverless .parcel-cache .turbo .angular bazel-bin bazel-out bazel-testlogs storybook-static"
        ),
        "build output",
    ),
    **dict.fromkeys(
        _split_words(
            "__pycache__ .mypy_cache .pytest_cache .ruff_cache .hypothesis .cache .ipynb_checkpoints htmlcov"
            " .nyc_output .idea .vs .fleet .direnv"
        ),
        "cache",
    ),
    **dict.fromkeys(SECRET_FOLDERS, "secret"),
}
"""Reasons by folder name; "build output" counts only in folders that git does not track."""

_PACKAGE_NAMES = _split_words("build dist out target vendor _build")
FETCHED_MARKS = _split_words("modules.txt autoload.php bundle .bundle")
"""Names that package managers leave in a folder named "vendor"."""

BINARY_EXTENSIONS = _split_words(
    ".png .jpg .jpeg .gif .bmp .ico .webp .tif .tiff .psd .ai .avif .heic .icns .mp3 .mp4 .m4a .wav .ogg .flac"
    " .avi .mov .mkv .webm .zip .gz .bz2 .xz .zst .7z .rar .tar .tgz .jar .war .ear .whl .egg .apk .ipa .deb .rpm"
    " .dmg .iso .pdf .doc .docx .xls .xlsx .ppt .pptx .odt .ods .woff .woff2 .ttf .otf .eot .pyc .pyo .pyd .so"
    " .dylib .dll .exe .o .a .lib .obj .class .wasm .bin .dat .db .sqlite .sqlite3 .mdb .parquet .feather .arrow"
    " .npy .npz .pt .pth .onnx .h5 .safetensors .gguf .pkl .pickle .joblib .crt .cer .der .msgpack .rdb .swp"
    " .nupkg .pdb .ilk .idx .pack"
)
_EXTENSIONS = {
    **dict.fromkeys(BINARY_EXTENSIONS, "binary"),
    ".ipynb": "notebook",  # the editor sends its cells as documents; their output is no code
    ".lock": "lock file",
}
_NAMES = {
    **dict.fromkeys(
        _split_words(
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
NAMED_BY_PEOPLE = re.compile(r"_generated\.\w+$", re.IGNORECASE)
"""Endings that look generated but that people also use for their own files."""
_TWO_BYTE_MARKS = (b"\xff\xfe", b"\xfe\xff")


def find_name_reason(name: str) -> str:
    """Return the reason to exclude a file of this name; "" if its name is no reason."""
    if is_secret_name(name):
        return "secret"
    dot = name.rfind(".")
    reason = _EXTENSIONS.get(name[dot:].lower(), "") if dot >= 0 else ""
    if reason := reason or _NAMES.get(name, ""):
        return reason
    if _MINIFIED.search(name):
        return "minified"
    return "generated" if _GENERATED.search(name) else ""


def find_folder_reason(name: str, held: Collection[str]) -> str:
    """Return the reason to exclude a folder of this name that holds the files `held`; "" for none."""
    reason = "secret" if is_secret_folder(name) else FOLDERS.get(name, "")
    if reason in {"build output", "vendored"} and name in _PACKAGE_NAMES and "__init__.py" in held:
        reason = ""
    if not reason and "pyvenv.cfg" in held:
        reason = "environment"
    if not reason and (name.startswith("cmake-build-") or name.endswith(".egg-info") or "CACHEDIR.TAG" in held):
        reason = "build output"
    return reason


def find_content_reason(data: bytes, limits: IndexLimits, name: str, waived: Collection[str] = ()) -> str:
    """Return the reason to exclude a file by its content `data`; "" for none.

    `waived` may name "generated", "minified" and "long lines", which then do not apply; the other reasons always do.
    """
    if len(data) > limits.max_file_bytes:
        return "too large"
    if b"\0" in data[:_HEAD_BYTES] and data[:2] not in _TWO_BYTE_MARKS:
        return "binary"
    if holds_secret(decode(data[:SECRET_BYTES]), name):
        return "secret"
    if "generated" not in waived and markers.is_generated(data):
        return "generated"
    lines = data.count(b"\n") + data.count(b"\r") + 3
    if "minified" not in waived and len(data) > limits.max_mean_line_bytes * lines:
        return "minified"
    return "long lines" if "long lines" not in waived and _has_long_line(data, limits.max_line_bytes) else ""


def _has_long_line(data: bytes, longest: int) -> bool:
    """Return whether a line has more than `longest` bytes; searches backwards for line ends, so it reads few bytes."""
    start, end = 0, len(data)
    while end - start > longest:
        at = max(data.rfind(b"\n", start, start + longest + 1), data.rfind(b"\r", start, start + longest + 1))
        if at < 0:
            return True
        start = at + 1
    return False
