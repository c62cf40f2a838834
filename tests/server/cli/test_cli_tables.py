"""Tables: names that a person has to type are whole, in any terminal and in a pipe."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

import starling_lsp
from models.catalog.catalog import BUNDLED
from models.catalog.published_models import load_published_models
from server.cli import run
from server.cli.tables import Column, format_lines

PROGRAM = [sys.executable, "-P", str(Path(starling_lsp.__file__))]
LONG = "a-model-of-my-own-with-a-name-that-is-longer-than-usual-7b-instruct-v0.3"
COLUMNS = [Column(""), Column("name", typed=True), Column("size", right=True), Column("licence"), Column("roles")]
ROWS = [
    ("*", LONG, "1,234.5 MB", "bigcode-openrail-m", "completion, chat"),
    ("", "small", "20 MB", "apache-2.0", "completion"),
    ("!", "模型-日本語", "", "", ""),
]
NAME = st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=0x2FFF, categories=("L", "N", "P")), min_size=1)


@pytest.mark.parametrize("width", [None, 1, 20, 40, 60, 80, 100, 120, 200])
def test_names_to_type_are_never_cut(width: int | None) -> None:
    lines = format_lines(COLUMNS, ROWS, width)
    for _, name, *rest in ROWS:
        (found,) = [line for line in lines if name in line.split()]
        assert all(any(cell in line for line in lines) for cell in rest), found
    wide = [line for line in lines if width is not None and cell_len(line) > width]
    assert all(width and width < 80 for _ in wide)


def test_a_row_that_fits_is_one_line() -> None:
    lines = format_lines(COLUMNS, ROWS, 200)
    assert len(lines) == len(ROWS) + 1
    assert lines[0].split() == ["name", "size", "licence", "roles"]
    assert lines[1].index("bigcode") == lines[2].index("apache")
    assert cell_len(lines[1][: lines[1].index("MB")]) == cell_len(lines[2][: lines[2].index("MB")])


def test_a_row_that_does_not_fit_takes_several_lines() -> None:
    assert format_lines(COLUMNS, ROWS[:2], 40) == [
        f"* {LONG}",
        "    size 1,234.5 MB,",
        "    licence bigcode-openrail-m,",
        "    roles completion, chat",
        "small",
        "    size 20 MB, licence apache-2.0,",
        "    roles completion",
    ]


@given(st.lists(st.tuples(st.just(""), NAME, NAME, NAME, NAME), min_size=1, max_size=4), st.integers(1, 200))
def test_every_name_is_whole_and_on_one_line(rows: list[tuple[str, ...]], width: int) -> None:
    lines = format_lines(COLUMNS, rows, width)
    assert all(any(row[1] in line for line in lines) for row in rows)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a home with a model that has a long name."""
    monkeypatch.setenv("STARLING_HOME", str(tmp_path / "home"))
    folder = tmp_path / "home" / "config" / "models" / LONG
    shutil.copytree(BUNDLED / "starling-mini", folder)
    written = (folder / "catalog.toml").read_text(encoding="utf-8").replace('"starling-mini"', f'"{LONG}"')
    (folder / "catalog.toml").chmod(0o644)
    (folder / "catalog.toml").write_text(written, encoding="utf-8")
    return tmp_path / "home"


def run_in_terminal(columns: int, *arguments: str) -> str:
    """Return the output of a command on a terminal with `columns` columns."""
    import fcntl  # noqa: PLC0415 (POSIX's)
    import pty  # noqa: PLC0415
    import termios  # noqa: PLC0415

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("4H", 50, columns, 0, 0))
    environment = {name: value for name, value in os.environ.items() if name not in {"COLUMNS", "LINES"}}
    with subprocess.Popen(
        [*PROGRAM, *arguments],
        stdout=theirs,
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=environment | {"TERM": "xterm"},
    ) as command:
        os.close(theirs)
        written = b""
        with contextlib.suppress(OSError):  # the other end is closed
            while piece := os.read(ours, 65536):
                written += piece
        os.close(ours)
        assert command.wait(100) == 0
    return re.sub(r"\x1b\[[0-9;]*m", "", written.decode()).replace("\r\n", "\n")


@pytest.mark.skipif(os.name != "posix", reason="terminals are made by POSIX's means")
@pytest.mark.parametrize("columns", [40, 80])
@pytest.mark.usefixtures("home")
def test_models_are_listed_with_whole_names_in_a_narrow_terminal(columns: int) -> None:
    assert LONG in run_in_terminal(columns, "models", "list").split()
    available = run_in_terminal(columns, "models", "list", "--available").split()
    assert set(load_published_models()) <= set(available)


@pytest.mark.usefixtures("home")
def test_a_pipe_gets_plain_text_of_any_width(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["models", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    (line,) = [line for line in lines if LONG in line.split()]
    assert "completion" in line
    assert "\x1b" not in "".join(lines)


# command lines that are refused
REFUSED: dict[str, tuple[list[str], int]] = {
    "index": (["index", "no/such/folder"], 1),
    "search": (["search", "x", "-w", "no/such/folder"], 1),
    "complete": (["complete", "no/such/file.py:1:1"], 1),
    "complete, misused": (["complete", "nonsense"], 2),
    "generate": (["generate", "no/such/file.py:1:1"], 1),
    "undo": (["undo", "-w", "no/such/folder"], 1),
    "models show": (["models", "show", "nosuch"], 1),
    "models pull": (["models", "pull", "nosuch"], 1),
    "models convert": (["models", "convert", "no/such/folder"], 1),
    "models bench": (["models", "bench", "nosuch"], 1),
    "models list": (["models", "list", "--nosuch"], 2),
    "costs": (["costs", "--days", "0"], 2),
    "doctor": (["doctor", "surplus"], 2),
    "no such command": (["nosuch"], 2),
    "an option without its value": (["search", "x", "--limit"], 2),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_refusal_is_json_too(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STARLING_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    arguments, status = REFUSED[name]
    wanting = [arguments[0], "--json", *arguments[1:]] if name.startswith("an option") else [*arguments, "--json"]
    assert run(wanting) == status
    said = capsys.readouterr()
    told = json.loads(said.out)
    assert told["status"] == status
    assert said.err == f"starling: {told['error']}\n"
    assert run(arguments) == status
    assert capsys.readouterr().out == ""


def test_a_refused_review_is_json_if_that_is_its_format(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for wanting in (["--format", "json"], ["--format=json"]):
        assert run(["review", "--diff", "nosuch", *wanting]) == 1
        assert json.loads(capsys.readouterr().out)["status"] == 1
    assert run(["review", "--diff", "nosuch"]) == 1
    assert capsys.readouterr().out == ""


def test_a_bug_is_reported_as_json_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STARLING_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("server.cli.models.models.describe_installed", lambda *_, **__: 1 / 0)
    assert run(["models", "list", "--json"]) == 1
    assert "ZeroDivisionError" in json.loads(capsys.readouterr().out)["error"]


def test_a_text_that_looks_like_the_json_option_is_a_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["search", "-w", "no/such/folder", "--", "--json"]) == 1
    assert capsys.readouterr().out == ""
