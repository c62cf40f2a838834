"""Test coverage from what other tools have left: the three formats, what counts as a line, and odd data."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from agents.reviewer import coverage
from agents.reviewer.coverage_data import statements

if TYPE_CHECKING:
    from pathlib import Path

SOURCE = '''\
"""A docstring is not run."""
import os


def area(
    width,
    height,
):
    """Neither is this."""
    if width < 0:
        raise ValueError
    return width * height
'''


def data_file(folder: Path, lines: dict[str, set[int]], *, arcs: bool = False) -> Path:
    """A `.coverage` as coverage.py writes it (schema 7)."""
    path = folder / ".coverage"
    with closing(sqlite3.connect(path)) as data, data:
        data.executescript(
            "create table file (id integer primary key, path text);"
            "create table line_bits (file_id integer, context_id integer, numbits blob);"
            "create table arc (file_id integer, context_id integer, fromno integer, tono integer);"
        )
        for number, (name, run) in enumerate(lines.items()):
            data.execute("insert into file values (?, ?)", (number, name))
            if arcs:
                pairs = list(zip([-1, *sorted(run)], [*sorted(run), -1], strict=True))
                data.executemany("insert into arc values (?, 0, ?, ?)", [(number, a, b) for a, b in pairs])
            else:
                bits = bytearray(max(run) // 8 + 1)
                for line in run:
                    bits[line // 8] |= 1 << line % 8
                data.execute("insert into line_bits values (?, 0, ?)", (number, bytes(bits)))
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path.resolve() / "w"
    root.mkdir()
    (root / "shapes.py").write_text(SOURCE)
    return root


def test_statements_are_those_that_coverage_counts() -> None:
    assert statements(SOURCE) == [(2, 2), (5, 8), (10, 10), (11, 11), (12, 12)]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("x = 1  # pragma: no cover\ny = 2\n", [2]),
        ("if x:  # pragma: no cover\n    y = 1\nz = 2\n", [3]),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import os\n", [1]),
        ("def f() -> int: ...\n", []),
        ("try:\n    x()\nexcept ValueError:\n    y()\nfinally:\n    z()\n", [1, 2, 3, 4, 6]),
        ("@property\ndef f():\n    return 1\n", [1, 2, 3]),
        ("match x:\n    case 1:\n        y()\n", [1, 2, 3]),
        ("def f():\n    global x\n    x = 1\n", [1, 3]),
        ("x = 'half", []),
        ("(" * 5000, []),
        ("x = '\0'", []),
    ],
)
def test_a_line_counts_when_it_can_be_run(text: str, lines: list[int]) -> None:
    assert [first for first, _ in statements(text)] == lines


@pytest.mark.parametrize("arcs", [True, False])
def test_data_of_coverage_py_is_read_with_lines_or_branches(folder: Path, *, arcs: bool) -> None:
    source = data_file(folder, {str(folder / "shapes.py"): {2, 5, 10, 12}}, arcs=arcs)
    (file,) = coverage.read(source, folder).files
    assert (file.path.name, file.lines, file.missed, file.changed) == ("shapes.py", 5, (11,), False)


def test_a_part_of_a_statement_that_was_run_covers_it(folder: Path) -> None:
    (file,) = coverage.read(data_file(folder, {"shapes.py": {2, 7, 10, 11, 12}}), folder).files
    assert file.missed == ()


def test_coverage_in_cobertura_xml_is_read(folder: Path) -> None:
    (folder / "coverage.xml").write_text(
        f"<coverage><sources><source>{folder}</source></sources><packages><package><classes>"
        '<class filename="shapes.py"><lines><line number="2" hits="1"/><line number="5" hits="0"/>'
        '<line number="6" hits="0"/><line number="9" hits="3"/></lines></class></classes></package></packages>'
        "</coverage>"
    )
    found = coverage.read(folder / "coverage.xml", folder)
    assert (found.percent, found.files[0].missed, coverage.gaps(found.files[0].missed)) == (50, (5, 6), ((5, 6),))


def test_coverage_in_lcov_is_read_and_adds_up(folder: Path) -> None:
    (folder / "a.js").write_text("x()\ny()\n")
    (folder / "lcov.info").write_text(
        "TN:\nSF:a.js\nDA:1,1\nDA:2,0\nend_of_record\nSF:a.js\nDA:2,4,x\nend_of_record\nSF:gone.js\nDA:1,1\n"
    )
    found = coverage.read(folder / "lcov.info", folder)
    assert [(file.path.name, file.lines, file.missed) for file in found.files] == [("a.js", 2, ())]


def test_files_outside_the_folder_are_left_out(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.py").write_text("x = 1\n")
    (folder / "link.py").symlink_to(tmp_path / "secret.py")
    names = {str(tmp_path / "secret.py"): {1}, "../secret.py": {1}, "link.py": {1}, "shapes.py": {2}}
    assert [file.path.name for file in coverage.read(data_file(folder, names), folder).files] == ["shapes.py"]


def test_a_file_changed_since_is_said_to_be(folder: Path) -> None:
    source = data_file(folder, {"shapes.py": {2}})
    os.utime(source, (1, 1))
    assert coverage.read(source, folder).files[0].changed


def test_the_newest_data_are_found(folder: Path) -> None:
    assert coverage.find(folder) is None
    (folder / "coverage.xml").write_text("<coverage/>")
    os.utime(folder / "coverage.xml", (1, 1))
    (folder / "lcov.info").write_text("")
    assert coverage.find(folder) == folder / "lcov.info"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (".coverage", b"no database at all, but long enough to look like a file" * 20),
        (".coverage", b""),
        ("coverage.xml", b"<coverage><class"),
        ("coverage.xml", b'<coverage><class filename="x"><line number="many"/></class></coverage>'),
        ("lcov.info", b"SF:x\nDA:one,2\n"),
        ("lcov.info", b"SF:\0\nDA:1,2\n"),
    ],
)
def test_odd_data_are_one_clear_sentence(folder: Path, name: str, content: bytes) -> None:
    (folder / name).write_bytes(content)
    with pytest.raises(coverage.CoverageError, match="run the tests with coverage again"):
        coverage.read(folder / name, folder)


def test_exploding_entities_do_not_explode(folder: Path) -> None:
    entities = "".join(f'<!ENTITY e{n + 1} "{f"&e{n};" * 10}">' for n in range(12))
    text = f'<!DOCTYPE x [<!ENTITY e0 "ha">{entities}]><coverage><source>&e12;</source></coverage>'
    (folder / "coverage.xml").write_text(text)
    with pytest.raises(coverage.CoverageError):
        coverage.read(folder / "coverage.xml", folder)
