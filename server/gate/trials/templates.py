"""Templates rendered with Copier in a child process, on a copy in a private temporary folder that goes again.

A template is not trusted: it is copied without links and without its repository, its code runs in Jinja's sandbox,
templates with tasks or extensions are refused, and time, memory and size have bounds. Nothing is written
into a workspace. Start at `CopierTemplates`.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agents.ports.templates import MOST_BYTES, MOST_FILES, RenderedFile, Rendering, TemplateFailed
from indexing.process import children, spawning
from indexing.process.children import Bounds
from starling_files import read_regular

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from agents.ports.templates import Answer

PACKAGE = "copier"
MISSING = (
    "No template can be rendered, because Copier is not installed. Go on without a template; the person can install "
    "Starling with the extra: uv tool install '.[scaffold]' in its repository."
)
CHILD = Bounds(seconds=60, memory_bytes=1_000_000_000, output_bytes=100_000)
MOST_OWN = 100
SKIPPED = frozenset({".git", ".hg", ".svn", "__pycache__"})
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,60}")
_BEYOND = {
    "time": f"it took longer than {CHILD.seconds:g} seconds",
    "memory": "it took too much memory",
    "output": "it wrote too much",
}


@dataclass(frozen=True, slots=True)
class CopierTemplates:
    """Renders templates with Copier.

    Attributes:
        own: the folder of the person's own templates.
    """

    own: Path

    def find_obstacle(self) -> str:
        """Return a sentence if Copier is not installed, "" if it is."""
        return "" if importlib.util.find_spec(PACKAGE) is not None else MISSING

    def list_own(self) -> tuple[str, ...]:
        """Return the names of the person's own templates, sorted, up to `MOST_OWN`; () if their folder is missing."""
        try:
            found = sorted(one.name for one in self.own.iterdir() if one.is_dir() and _NAME.fullmatch(one.name))
        except OSError:
            return ()
        return tuple(found[:MOST_OWN])

    def find_own(self, name: str) -> Path | None:
        """Return the folder of the person's own template `name`, None if there is none."""
        return self.own / name if name in self.list_own() else None

    def render(
        self, folder: Path, answers: Mapping[str, Answer], is_excluded: Callable[[Path], bool] = lambda _: False
    ) -> Rendering:
        """Return what the template in `folder` becomes; see `agents.ports.templates.Templates.render`."""
        if obstacle := self.find_obstacle():
            raise TemplateFailed(obstacle)
        with tempfile.TemporaryDirectory(prefix="starling-template-") as temporary:
            place = Path(temporary)
            source, target = place / "template", place / "rendered"
            _copy(folder, source, is_excluded)
            _run(place, source, target, answers)
            return _read(target)


def _copy(folder: Path, source: Path, is_excluded: Callable[[Path], bool]) -> None:
    """Copy the files of a template that are not excluded, without links.

    Raises:
        TemplateFailed: there are too many or too large ones, none, or one cannot be read.
    """
    left = MOST_BYTES
    count = 0
    for path in _walk(folder):
        if is_excluded(path):
            continue
        count += 1
        try:
            data, _ = read_regular(path, left + 1)
        except OSError as error:
            why = error.strerror or str(error)
            raise TemplateFailed(f"The template's file {path.name} cannot be read ({why}).") from None
        left -= len(data)
        if left < 0:
            raise TemplateFailed(f"The template has more than {MOST_BYTES:,} bytes; choose a smaller one.")
        if count > MOST_FILES:
            raise TemplateFailed(f"The template has more than {MOST_FILES} files; choose a smaller one.")
        to = source / path.relative_to(folder)
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_bytes(data)
    if not count:
        raise TemplateFailed(f"There is no file of a template in {folder.name}; name the folder of a template.")


def _walk(folder: Path) -> Iterator[Path]:
    """Yield the regular files below `folder` in order, without following links; skips repositories and caches."""
    for where, folders, names in os.walk(folder):
        folders[:] = sorted(one for one in folders if one not in SKIPPED)
        for name in sorted(names):
            path = Path(where, name)
            if path.is_file() and not path.is_symlink():
                yield path


def _run(place: Path, source: Path, target: Path, answers: Mapping[str, Answer]) -> None:
    """Render `source` into `target` in a child process, which has a home of its own.

    Raises:
        TemplateFailed: it failed, or went beyond a bound.
    """
    settings = place / "settings.yml"  # in place of the person's own, which may trust templates
    settings.write_text("{}\n", "utf-8")
    home = dict.fromkeys(("HOME", "USERPROFILE", "XDG_CONFIG_HOME", "TMPDIR", "TEMP", "TMP"), str(place))
    environment = {**os.environ, **home, "COPIER_SETTINGS_PATH": str(settings)}
    request = json.dumps({"source": str(source), "target": str(target), "answers": dict(answers)}).encode()
    command = spawning.make_command("server.gate.trials.template_rendering")
    try:
        ended = children.run(command, CHILD, text=request, folder=place, environment=environment)
        answer: dict[str, Any] = {"problem": _BEYOND[ended.beyond]} if ended.beyond else json.loads(ended.output)
    except OSError as error:
        answer = {"problem": error.strerror or str(error)}
    except ValueError:
        answer = {"problem": "the process that renders it crashed"}
    if problem := answer.get("problem"):
        raise TemplateFailed(f"The template was not rendered: {problem}.")


def _read(target: Path) -> Rendering:
    """Return the rendered text files, and the names of files that are left out because they are no text.

    Raises:
        TemplateFailed: there are none, too many, or too large ones.
    """
    files: list[RenderedFile] = []
    left_out: list[str] = []
    left = MOST_BYTES
    for path in _walk(target):
        name = path.relative_to(target).as_posix()
        if len(files) + len(left_out) >= MOST_FILES:
            raise TemplateFailed(f"The template became more than {MOST_FILES} files; choose a smaller one.")
        try:
            data, _ = read_regular(path, left + 1)
        except OSError:
            left_out.append(name)
            continue
        left -= len(data)
        if left < 0:
            raise TemplateFailed(f"The template became more than {MOST_BYTES:,} bytes; choose a smaller one.")
        text = _decode(data)
        if text is None:
            left_out.append(name)
        else:
            files.append(RenderedFile(name, text))
    if not files:
        raise TemplateFailed("The template became no text file; look at its answers, or choose another one.")
    return Rendering(tuple(files), tuple(left_out))


def _decode(data: bytes) -> str | None:
    """Return the text of a file in UTF-8; None if it is no text."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text
