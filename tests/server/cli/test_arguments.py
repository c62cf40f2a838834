"""FILE:LINE:COLUMN, and the workspace a file belongs to."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.cli import arguments
from server.cli.arguments import Cursor
from server.cli.terminal import Failure, Misuse
from tests.marked import parse


@pytest.mark.parametrize(
    ("text", "file", "line", "column"),
    [
        ("a.py:1:1", "a.py", 1, 1),
        ("src/a b.py:12:340", "src/a b.py", 12, 340),
        (r"C:\code\a.py:3:7", r"C:\code\a.py", 3, 7),
        ("C:/code/a.py:3:7", "C:/code/a.py", 3, 7),
        ("odd:name.py:3:7", "odd:name.py", 3, 7),
        ("a.py:3:4:5", "a.py:3", 4, 5),
        ("a.py:007:01", "a.py", 7, 1),
    ],
)
def test_a_place_is_a_file_a_line_and_a_column(text: str, file: str, line: int, column: int) -> None:
    assert arguments.parse_cursor(text) == Cursor(file, line, column)


@pytest.mark.parametrize(
    "text",
    ["", "a.py", "a.py:3", ":3:4", "a.py:0:1", "a.py:1:0", "a.py:-1:1", "a.py:x:1", "a.py:1:", "a.py:1.5:1", "a.py:²:1",
     "a.py:\u0661:1", "a.py:+1:1", "a.py: 1:1", "a.py:9999999999:1", r"C:\a.py"],
)  # fmt: skip
def test_anything_else_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(Misuse, match=r"src/app\.py:12:5"):
        arguments.parse_cursor(text)


@given(st.text(min_size=1), st.integers(1, 10**8), st.integers(1, 10**8))
def test_any_name_survives(file: str, line: int, column: int) -> None:
    assert arguments.parse_cursor(f"{file}:{line}:{column}") == Cursor(file, line, column)


@given(st.text())
def test_parsing_fails_in_one_way_only(text: str) -> None:
    try:
        found = arguments.parse_cursor(text)
    except Misuse:
        return
    assert found.file
    assert min(found.line, found.column) >= 1


@given(
    st.lists(st.text(st.characters(exclude_characters="\r\n"), max_size=6), min_size=1, max_size=5),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.data(),
)
def test_every_place_of_a_text_has_its_offset(lines: list[str], ending: str, data: st.DataObject) -> None:
    number = data.draw(st.integers(0, len(lines) - 1))
    column = data.draw(st.integers(0, len(lines[number])))
    expected = sum(len(line) + len(ending) for line in lines[:number]) + column
    assert arguments.find_offset(Cursor("f", number + 1, column + 1), ending.join(lines)) == expected


def test_a_column_counts_characters_not_code_units() -> None:
    fixture = parse("x = '🐦é' + $0y\n")
    assert fixture.cursor is not None
    assert arguments.find_offset(Cursor("main.py", 1, 12), fixture.text) == fixture.cursor[1]


def test_a_place_after_the_last_line_end_is_a_line_of_its_own() -> None:
    assert arguments.find_offset(Cursor("f", 2, 1), "a\n") == 2


@pytest.mark.parametrize(
    ("line", "column", "message"),
    [(4, 1, "has 3 lines; give a line from 1 to 3"), (1, 5, "has 3 characters; give a column from 1 to 4"),
     (2, 3, "has 1 character; give a column from 1 to 2")],
)  # fmt: skip
def test_a_place_outside_of_the_text_is_refused_with_the_bounds(line: int, column: int, message: str) -> None:
    with pytest.raises(Failure, match=message):
        arguments.find_offset(Cursor("f.py", line, column), "abc\r\nd\r\n")


def test_a_file_belongs_to_its_repository_before_its_project(tmp_path: Path) -> None:
    (tmp_path / "repo" / ".git").mkdir(parents=True)
    (tmp_path / "repo" / "sub" / "src").mkdir(parents=True)
    (tmp_path / "repo" / "sub" / "pyproject.toml").touch()
    assert arguments.find_workspace(tmp_path / "repo" / "sub" / "src" / "a.py") == tmp_path / "repo"


def test_without_a_repository_it_is_the_nearest_project_and_else_the_folder(tmp_path: Path) -> None:
    (tmp_path / "project" / "src").mkdir(parents=True)
    (tmp_path / "project" / "go.mod").touch()
    assert arguments.find_workspace(tmp_path / "project" / "src" / "a.go") == tmp_path / "project"
    (tmp_path / "loose").mkdir()
    assert arguments.find_workspace(tmp_path / "loose" / "a.py") == tmp_path / "loose"


def test_without_any_mark_it_is_the_working_directory_if_that_contains_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "loose" / "package").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "loose")
    assert arguments.find_workspace(tmp_path / "loose" / "package" / "a.py") == tmp_path / "loose"
    assert arguments.find_workspace(tmp_path / "b.py") == tmp_path
    monkeypatch.setenv("HOME", str(tmp_path / "loose"))
    assert arguments.find_workspace(tmp_path / "loose" / "package" / "a.py") == tmp_path / "loose" / "package"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows deletes no working directory")
def test_a_deleted_working_directory_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(Failure, match="does not exist any more"):
        arguments.find_workspace(Path())


def test_the_home_folder_is_never_a_workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".git").mkdir()
    (tmp_path / "notes").mkdir()
    assert arguments.find_workspace(tmp_path / "notes" / "a.py") == tmp_path / "notes"


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Enter a repository with links into another one; return the folder of both."""
    tmp_path = tmp_path.resolve()
    for name in ("here", "other"):
        (tmp_path / name / ".git").mkdir(parents=True)
        (tmp_path / name / "src").mkdir()
        (tmp_path / name / "src" / "app.py").write_text("import os\n")
    (tmp_path / "here" / "file.py").symlink_to(tmp_path / "other" / "src" / "app.py")
    (tmp_path / "here" / "again.py").symlink_to("file.py")
    (tmp_path / "here" / "folder").symlink_to(tmp_path / "other")
    (tmp_path / "here" / "inside.py").symlink_to("src/app.py")
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path


OUT = ["file.py", "again.py", "folder", "folder/src/app.py", "src/../file.py", "{root}/here/file.py"]


@pytest.mark.parametrize("named", OUT)
def test_a_command_that_writes_follows_no_link_out_of_a_workspace(repository: Path, named: str) -> None:
    with pytest.raises(Failure, match=r"is a link that leads out of .*here; .*other"):
        arguments.find_workspace(Path(named.format(root=repository)), writes=True)


@pytest.mark.parametrize("named", OUT)
def test_a_command_that_reads_notes_where_a_link_leads(
    repository: Path, named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert arguments.find_workspace(Path(named.format(root=repository))) == repository / "other"
    told = " ".join(capsys.readouterr().err.split())
    assert "is a link to" in told


@pytest.mark.parametrize("named", ["inside.py", "src", ".", "src/app.py", "{root}/here/inside.py"])
def test_links_within_a_workspace_are_followed(repository: Path, named: str) -> None:
    assert arguments.find_workspace(Path(named.format(root=repository)), writes=True) == repository / "here"


def test_a_workspace_entered_through_a_link_is_found(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(repository / "here" / "folder")
    assert arguments.find_workspace(Path("src/app.py"), writes=True) == repository / "other"
