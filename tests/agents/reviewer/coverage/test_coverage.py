"""Test coverage from the data of other tools: the three formats, the lines that count, and malformed data."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from agents.reviewer.coverage import coverage
from agents.reviewer.coverage.coveragepy_data import find_statements
from indexing.process.children import Bounds

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


def write_data_file(folder: Path, lines: dict[str, set[int]], *, arcs: bool = False) -> Path:
    """Write a `.coverage` as coverage.py does (schema 7), and return its path."""
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


def test_statements_are_those_that_coverage_py_counts() -> None:
    assert find_statements(SOURCE) == [(2, 2), (5, 8), (10, 10), (11, 11), (12, 12)]


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
    assert [first for first, _ in find_statements(text)] == lines


@pytest.mark.parametrize("arcs", [True, False])
def test_data_of_coverage_py_is_read_with_lines_or_branches(folder: Path, *, arcs: bool) -> None:
    source = write_data_file(folder, {str(folder / "shapes.py"): {2, 5, 10, 12}}, arcs=arcs)
    (file,) = coverage.read(source, folder).files
    assert (file.path.name, file.lines, file.missed, file.changed) == ("shapes.py", 5, (11,), False)


def test_a_part_of_a_statement_that_was_run_covers_it(folder: Path) -> None:
    (file,) = coverage.read(write_data_file(folder, {"shapes.py": {2, 7, 10, 11, 12}}), folder).files
    assert file.missed == ()


def test_coverage_in_cobertura_xml_is_read(folder: Path) -> None:
    (folder / "coverage.xml").write_text(
        f"<coverage><sources><source>{folder}</source></sources><packages><package><classes>"
        '<class filename="shapes.py"><lines><line number="2" hits="1"/><line number="5" hits="0"/>'
        '<line number="6" hits="0"/><line number="9" hits="3"/></lines></class></classes></package></packages>'
        "</coverage>"
    )
    found = coverage.read(folder / "coverage.xml", folder)
    assert (found.percent, found.files[0].missed, coverage.group_lines(found.files[0].missed)) == (
        50,
        (5, 6),
        ((5, 6),),
    )


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
    assert [file.path.name for file in coverage.read(write_data_file(folder, names), folder).files] == ["shapes.py"]


def test_a_file_that_changed_since_the_measurement_is_marked(folder: Path) -> None:
    source = write_data_file(folder, {"shapes.py": {2}})
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
def test_malformed_data_give_one_clear_sentence(folder: Path, name: str, content: bytes) -> None:
    (folder / name).write_bytes(content)
    with pytest.raises(coverage.CoverageError, match="run the tests with coverage again"):
        coverage.read(folder / name, folder)


def test_exploding_entities_do_not_explode(folder: Path) -> None:
    entities = "".join(f'<!ENTITY e{n + 1} "{f"&e{n};" * 10}">' for n in range(12))
    text = f'<!DOCTYPE x [<!ENTITY e0 "ha">{entities}]><coverage><source>&e12;</source></coverage>'
    (folder / "coverage.xml").write_text(text)
    with pytest.raises(coverage.CoverageError):
        coverage.read(folder / "coverage.xml", folder)


def read_refusal(source: Path, folder: Path) -> str:
    """Return the message of the error that reading the data raises."""
    with pytest.raises(coverage.CoverageError) as caught:
        coverage.read(source, folder)
    return str(caught.value)


def write_crafted_data(folder: Path, *statements: str) -> Path:
    """Write data of coverage.py, run SQL `statements` on them, and return the path."""
    path = write_data_file(folder, {"shapes.py": {2}})
    with closing(sqlite3.connect(path)) as data, data:
        for statement in statements:
            data.execute(statement)
    return path


ENDLESS = "with recursive n(i) as (select 1 union all select i + 1 from n) select i as file_id, "


@pytest.mark.parametrize("table", ["file", "line_bits", "arc"])
def test_a_view_in_place_of_a_table_is_refused(folder: Path, table: str) -> None:
    view = ENDLESS + "i as id, 'shapes.py' as path, 0 as context_id, x'ff' as numbits, 1 as fromno, 2 as tono from n"
    assert f"no table {table}" in read_refusal(
        write_crafted_data(folder, f"drop table {table}", f"create view {table} as {view}"), folder
    )


def test_a_virtual_table_is_refused(folder: Path) -> None:
    source = write_crafted_data(folder, "drop table arc", "create virtual table arc using fts5(file_id, fromno, tono)")
    assert "no table arc" in read_refusal(source, folder)


def test_a_column_that_explodes_is_refused(folder: Path) -> None:
    made = "create table line_bits (file_id integer, numbits blob generated always as (zeroblob(900000000)) virtual)"
    read_refusal(
        write_crafted_data(folder, "drop table line_bits", made, "insert into line_bits (file_id) values (0)"), folder
    )


def test_a_large_blob_is_refused(folder: Path) -> None:
    read_refusal(write_crafted_data(folder, "insert into line_bits values (0, 0, zeroblob(50000000))"), folder)


def test_blobs_that_name_too_many_lines_are_refused(folder: Path) -> None:
    rows = (
        "insert into line_bits select 0, i, replace(hex(zeroblob(400000)), '00', 'z') from (select 1 i union select 2)"
    )
    source = write_crafted_data(folder, rows, "update line_bits set numbits = cast(numbits as blob)")
    assert "entries" in read_refusal(source, folder)


def test_a_comment_without_end_is_refused(folder: Path) -> None:
    (folder / "coverage.xml").write_text("<coverage><!--" + "x" * 60_000_000 + "--></coverage>")
    assert "too long" in read_refusal(folder / "coverage.xml", folder)


def test_many_sources_and_many_classes_do_not_take_long(folder: Path) -> None:
    for n in range(1000):
        (folder / f"s{n}").mkdir()
    sources = "".join(f"<source>s{n}</source>" for n in range(1000))
    classes = "".join(f'<class filename="c{n}"/>' for n in range(20_000))
    (folder / "coverage.xml").write_text(f"<coverage><sources>{sources}</sources>{classes}</coverage>")
    assert "entries" in read_refusal(folder / "coverage.xml", folder)


def test_a_file_that_is_named_often_is_located_once(folder: Path) -> None:
    sources = "".join(f"<source>s{n}</source>" for n in range(1000))
    classes = '<class filename="shapes.py"><line number="2" hits="1"/></class>' * 10_000
    (folder / "coverage.xml").write_text(f"<coverage><sources>{sources}</sources>{classes}</coverage>")
    assert coverage.read(folder / "coverage.xml", folder).files[0].lines == 1


def test_a_line_of_lcov_without_end_is_no_line(folder: Path) -> None:
    (folder / "lcov.info").write_text("SF:shapes.py\nDA:2,1\nTN:" + "x" * 30_000_000 + "\nDA:5,0\n")
    assert coverage.read(folder / "lcov.info", folder).files[0].lines == 2


def test_too_many_lines_are_refused(folder: Path) -> None:
    (folder / "lcov.info").write_text("SF:shapes.py\n" + "".join(f"DA:{n},1\n" for n in range(2_100_000)))
    assert "entries" in read_refusal(folder / "lcov.info", folder)


@pytest.mark.parametrize("name", [".coverage", "coverage.xml", "lcov.info"])
def test_pipes_and_devices_are_not_read(folder: Path, name: str) -> None:
    os.mkfifo(folder / name)
    assert coverage.find(folder) is None
    read_refusal(folder / name, folder)
    (folder / name).unlink()
    (folder / name).symlink_to("/dev/zero")
    read_refusal(folder / name, folder)


def test_a_child_process_that_exceeds_its_bounds_gives_one_sentence(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write_data_file(folder, {"shapes.py": {2}})
    monkeypatch.setattr("indexing.bounds.COVERAGE_CHILD", Bounds(seconds=0.01, memory_bytes=10**9, output_bytes=10**6))
    assert "too long" in read_refusal(source, folder)
    monkeypatch.setattr("indexing.bounds.COVERAGE_CHILD", Bounds(seconds=60, memory_bytes=10**9, output_bytes=10))
    assert "too many lines" in read_refusal(source, folder)
