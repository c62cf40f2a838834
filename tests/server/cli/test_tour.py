"""The demonstration: its places, its output, and that it ends well in any workspace."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

import starling_lsp
from server.cli.tour import showing
from server.cli.tour.demo_answer import DemoAnswer
from server.cli.tour.demo_places import DemoPlace, find_places
from server.lsp.demo_client import Answer
from tests.marked import parse

PYTHON = parse("""
#- shapes.py
import math
from dataclasses import dataclass

PI = math.pi  # as everybody knows it


@dataclass
class Circle:
    '''A circle.

    return what was never asked
    '''

    radius: float

    def area(self):
        return PI * self.radius * self.radius

    def scaled(self, factor):
        if factor == 1:
            return self
        result = Circle(self.radius * factor)
        return result


def area_of_circle(radius):
    print("the area is asked for", radius)
    return PI * radius * radius


def area_of_circles(radii):
    total = 0
    for radius in radii:
        total = total + area_of_circle(radius)
    print("the total is asked for", total)
    return total
""")
SHOP = parse("""
#- src/shop.js
import { format } from "./format.js";

export function priceOfOrder(order, discount) {
  const total = order.items.reduce((sum, item) => sum + item.price, 0);
  if (discount > 0) {
    return total * (1 - discount);
  }
  return total;
}

export function describe(order) {
  console.log("describe", order, order.name);
  return format(order.name);
}
#- README.md
# Shop
""")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set Starling's home to a new folder."""
    monkeypatch.setenv("STARLING_HOME", str(tmp_path / "home"))


def demonstrate(workspace: Path, **environment: str) -> str:
    """Run `starling demo` in `workspace` and return its output; fail if it writes to stderr."""
    command = [sys.executable, "-P", str(Path(starling_lsp.__file__)), "demo", "--workspace", str(workspace)]
    env = {**os.environ, "COLUMNS": "120", **environment}
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def test_places_are_of_several_kinds_and_the_same_every_time(tmp_path: Path) -> None:
    PYTHON.write(tmp_path)
    places = find_places(tmp_path)
    assert places == find_places(tmp_path)
    assert {place.kind for place in places} >= {
        "after return", "inside a call", "after an equals sign", "in a condition", "in a loop", "first line of a body",
    }  # fmt: skip


def test_a_place_is_the_file_without_the_rest_of_one_line(tmp_path: Path) -> None:
    PYTHON.write(tmp_path)
    original = PYTHON.files["shapes.py"]
    for place in find_places(tmp_path):
        lines = place.text.splitlines(keepends=True)
        assert lines[place.line].rstrip("\n") == place.before
        lines[place.line] = place.before + place.truth + "\n"
        assert "".join(lines) == original
        assert place.truth.strip()


def test_comments_and_strings_are_not_places(tmp_path: Path) -> None:
    PYTHON.write(tmp_path)
    assert "what was never asked" not in {place.truth for place in find_places(tmp_path)}


def test_other_languages_have_places_too(tmp_path: Path) -> None:
    SHOP.write(tmp_path)
    assert {(place.relative, place.language) for place in find_places(tmp_path)} == {("src/shop.js", "javascript")}


def test_secret_ignored_and_vendored_files_are_no_places(tmp_path: Path) -> None:
    PYTHON.write(tmp_path)
    text = PYTHON.files["shapes.py"]
    for name in ("node_modules/x/a.py", "ignored/a.py", "id_rsa"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / ".gitignore").write_text("ignored/\n")
    assert {place.relative for place in find_places(tmp_path)} == {"shapes.py"}


def test_without_code_there_are_no_places(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("# Nothing\n" * 100)
    assert find_places(tmp_path) == ()


def render(answered: DemoAnswer, *, colour: bool = False, encoding: str = "utf-8") -> str:
    """Return the output of `show_completion` for an answer."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    console = Console(file=stream, force_terminal=colour, color_system="standard" if colour else None, width=90)
    showing.show_completion(console, answered)
    stream.flush()
    stream.seek(0)
    return stream.read()


def make_answer(fixture: str, suggestion: str, *, replaces: int = 0) -> DemoAnswer:
    """Return an answer that suggests `suggestion` at the cursor of the marked text `fixture`."""
    marked = parse(fixture)
    assert marked.cursor is not None
    offset = marked.cursor[1]
    line = marked.text.count("\n", 0, offset)
    before = marked.text[:offset].rpartition("\n")[2]
    place = DemoPlace(Path("/w/main.py"), "main.py", "python", "after return", marked.text, line, before, "one")
    return DemoAnswer(place, Answer(suggestion, 0, replaces, "recall", 0.5, "", 3.0), invoked=False)


def test_a_suggestion_is_marked_without_colour_too() -> None:
    output = render(make_answer("def one():\n        return $0\n", "one"))
    assert "return ▏" in output
    assert "return ⟦one⟧" in output
    assert "the file itself continues exactly like this" in output


def test_a_terminal_without_unicode_gets_ascii() -> None:
    output = render(make_answer("def one():\n    return $0\n", "one"), encoding="ascii")
    assert "return [[one]]" in output
    assert output.isascii()


def test_text_that_a_suggestion_replaces_is_shown_once() -> None:
    assert "print(⟦one)⟧" in render(make_answer("print($0)\n", "one)", replaces=1))


def test_a_wrong_suggestion_is_shown_beside_what_the_file_says() -> None:
    assert "the file itself says: one" in render(make_answer("def one():\n    return $0\n", "two"))


def test_neither_markup_nor_escape_sequences_take_effect() -> None:
    output = render(make_answer("x = [bold]\ny = $0\n", "'[red]\x1b[31m'"), colour=False)
    assert "x = [bold]" in output
    assert r"'[red]\x1b[31m'" in output
    assert "\x1b" not in output


def test_with_colour_the_code_is_the_same() -> None:
    plain = render(make_answer("def one():\n    return $0\n", "one + two"))
    coloured = render(make_answer("def one():\n    return $0\n", "one + two"), colour=True)
    assert coloured.count("mreturn\x1b[0m") == 2  # a keyword's colour, before and after
    assert re.sub(r"\x1b\[[\d;]*m", "", coloured).split() == plain.replace("⟦", "").replace("⟧", "").split()


def test_the_tour_of_a_python_workspace_completes_code_and_says_how_to_go_on(tmp_path: Path) -> None:
    workspace = PYTHON.write(tmp_path / "workspace")
    (workspace / "again.py").write_text(PYTHON.files["shapes.py"])
    output = demonstrate(workspace, STARLING_MODEL__ENABLED="false")
    assert "2 files" in output
    assert output.count("⟦") >= 2
    assert "recall, confidence" in output
    assert "the file itself" in output
    assert re.search(r"Asked at \d+ places\. While typing, [1-9]\d* got a suggestion", output)
    assert "vim.lsp.enable('starling')" in output
    assert "/editors/neovim')" in output
    assert "languages.toml" in output


def test_an_installed_program_needs_no_plugin_in_neovim(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.cli.tour.showing.ROOT", tmp_path)
    written = io.StringIO()
    showing.show_next_steps(Console(file=written, width=120))
    said = written.getvalue()
    assert "require('starling')" not in said
    assert "vim.lsp.inline_completion.get()" in said
    assert "make vscode" not in said


def test_the_program_is_named_by_its_path_for_a_person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    beside, link = tmp_path / "tool" / "starling", tmp_path / "bin" / "starling"
    for path in (beside, link):
        path.parent.mkdir()
    beside.touch(mode=0o755)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(sys, "executable", str(beside.with_name("python")))
    monkeypatch.setenv("PATH", str(link.parent))
    assert showing.find_executable() == beside
    link.symlink_to(beside)
    assert showing.find_executable() == link
    link.unlink()
    link.touch(mode=0o755)
    assert showing.find_executable() == beside


def test_the_tour_of_a_workspace_without_python_ends_well(tmp_path: Path) -> None:
    output = demonstrate(SHOP.write(tmp_path / "workspace"))
    assert "model: starling-mini (ready)" in output


def test_the_tour_of_a_workspace_without_code_ends_well(tmp_path: Path) -> None:
    (tmp_path / "workspace").mkdir()
    output = demonstrate(tmp_path / "workspace")
    assert "No code was found here" in output
    assert "vim.lsp.enable('starling')" in output
