"""The validation of proposals: refusals before anyone is asked, and edits that are adapted to the current text."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from agents.edits import CreateFile, DeleteFile, Edit, RenameFile, TextChange
from server.gate import verification
from server.gate.disk.disk import DiskWorkplace
from server.gate.places import Places
from server.gate.ports import Verdict
from tests.server.gate.bench import Bench, make_proposal

if TYPE_CHECKING:
    from collections.abc import Callable

    from agents.edits import Change


async def check_refused(bench: Bench, change: Change, *said: str) -> None:
    before = bench.read_all()
    outcome = await bench.gate.propose(make_proposal(change))
    assert (outcome.verdict, bench.asker.questions, bench.read_all()) == (Verdict.REFUSED, [], before), outcome.reason
    for part in said:
        assert part in outcome.reason


@pytest.mark.parametrize(("name", "said"), [
    ("../outside.py", "`..`"),
    ("a/../b.py", "`..`"),
    (".env", "hidden"),
    (".git/hooks/pre-commit", "hidden"),
    ("src/.cache/x.py", "hidden"),
    ("secrets.json", "secret"),
    ("node_modules/x/index.js", "vendored"),
    ("build/out.py", "build output"),
    ("ignored.py", "ignored"),
    ("con.py", "valid file name"),
    ("LPT1", "valid file name"),
    ("a\nb.py", "valid file name"),
    ("trailing.", "valid file name"),
    ("trailing ", "valid file name"),
    ("what?.py", "valid file name"),
    ("back\\slash.py", "valid file name"),
    ("x" * 300, "longer than"),
    ("\udc80.py", "surrogate"),
    ("nul\0.py", "full path"),
    ("there.py", "exists already"),
    ("There.PY", "beside there.py"),
    ("there.py/inner.py", "excluded"),
])  # fmt: skip
async def test_a_file_is_not_made_in_a_place_like(bench: Bench, name: str, said: str) -> None:
    bench.put("there.py", b"")
    bench.put(".gitignore", b"ignored.py\n")
    await check_refused(bench, CreateFile(bench.root / name, "x = 1\n"), said)


async def test_a_write_protected_file_is_neither_changed_nor_deleted(bench: Bench) -> None:
    path = bench.put("kept.py", b"x = 1\n")
    path.chmod(0o444)
    change = TextChange(path.as_uri(), path, "x = 1\n", (Edit(4, 5, "2"),))
    for one in (change, bench.delete("kept.py")):
        await check_refused(bench, one, "kept.py is write-protected", "make it writable first")
    path.chmod(0o644)
    assert (await bench.gate.propose(make_proposal(change))).verdict is Verdict.APPLIED


async def test_a_relative_path_is_no_place(bench: Bench) -> None:
    await check_refused(bench, CreateFile(Path("a.py"), ""), "full path")


async def test_without_a_workspace_folder_nothing_is_written(bench: Bench) -> None:
    path = bench.put("a.py", b"x = 1\n")
    change = bench.change("a.py", "1", "2")
    bench.gate._places = lambda: Places([], lambda _: "")
    await check_refused(bench, change, "No workspace folder", str(path))


LINKS: dict[str, Callable[[Bench], Change]] = {
    "out of the workspace by a folder": lambda b: CreateFile(b.root / "out/new.py", ""),
    "out of the workspace by a file": lambda b: TextChange(
        (b.root / "out.py").as_uri(), b.root / "out.py", "x\n", (Edit(0, 1, "y"),)
    ),
    "to nothing": lambda b: CreateFile(b.root / "dangling.py", ""),
    "in a circle": lambda b: CreateFile(b.root / "circle/x.py", ""),
    "and would be deleted": lambda b: DeleteFile(b.root / "inner.py", "x = 1\n"),
    "and would be moved": lambda b: RenameFile(b.root / "inner.py", b.root / "free.py"),
    "and would be moved to": lambda b: RenameFile(b.root / "a.py", b.root / "dangling.py"),
}


@pytest.mark.parametrize("kind", LINKS)
async def test_no_link_is_followed_that_leads(bench: Bench, kind: str) -> None:
    outside = bench.base / "outside"
    outside.mkdir()
    (outside / "x.py").write_text("x\n")
    bench.put("a.py", b"x = 1\n")
    for name, to in {
        "out": outside,
        "out.py": outside / "x.py",
        "dangling.py": bench.root / "gone.py",
        "inner.py": bench.root / "a.py",
        "circle": bench.root / "circle",
    }.items():
        (bench.root / name).symlink_to(to)
    await check_refused(bench, LINKS[kind](bench))


async def test_a_text_is_changed_through_a_link_inside_the_workspace(bench: Bench) -> None:
    bench.put("a.py", b"x = 1\n")
    (bench.root / "link.py").symlink_to("a.py")
    assert (await bench.gate.propose(make_proposal(bench.change("link.py", "1", "2")))).applied
    assert (bench.read("a.py"), (bench.root / "link.py").is_symlink()) == (b"x = 2\n", True)


async def test_a_link_to_a_hidden_file_is_no_way_round(bench: Bench) -> None:
    bench.put(".hidden.py", b"x = 1\n")
    (bench.root / "link.py").symlink_to(".hidden.py")
    await check_refused(bench, bench.change("link.py", "1", "2"), "hidden")


async def test_one_file_under_two_names_is_named_twice(bench: Bench) -> None:
    bench.put("a.py", b"x = 1\n")
    (bench.root / "link.py").symlink_to("a.py")
    outcome = await bench.gate.propose(make_proposal(bench.change("a.py", "1", "2"), bench.change("link.py", "x", "y")))
    assert (outcome.verdict, "named twice" in outcome.reason) == (Verdict.REFUSED, True)


@pytest.mark.parametrize("changes", [
    lambda b: (b.create("a.py"), b.create("A.py")),
    lambda b: (b.create("new.py"), b.rename("x.py", "NEW.py")),
    lambda b: (b.create("stra\u00dfe.py"), b.create("strasse.py")),
    lambda b: (b.create("\u00e9.py"), b.create("e\u0301.py")),
    lambda b: (b.rename("x.py", "y.py"), b.change("x.py", "1", "2")),
])  # fmt: skip
async def test_two_changes_are_never_about_one_file(
    bench: Bench, changes: Callable[[Bench], tuple[Change, ...]]
) -> None:
    bench.put("x.py", b"x = 1\n")
    outcome = await bench.gate.propose(make_proposal(*changes(bench)))
    assert (outcome.verdict, "named twice" in outcome.reason) == (Verdict.REFUSED, True)


@pytest.mark.parametrize("changes", [
    lambda b: (b.create("new/a.py"), b.create("new")),
    lambda b: (b.create("New"), b.create("new/deep/a.py")),
    lambda b: (b.rename("x.py", "new/x.py"), b.create("new")),
])  # fmt: skip
async def test_no_new_file_lies_in_another(bench: Bench, changes: Callable[[Bench], tuple[Change, ...]]) -> None:
    bench.put("x.py", b"x = 1\n")
    outcome = await bench.gate.propose(make_proposal(*changes(bench)))
    assert (outcome.verdict, "another change creates as a file" in outcome.reason) == (Verdict.REFUSED, True)
    assert not (bench.root / "new").exists()


async def test_a_folder_in_the_place_of_a_new_file_was_not_made_by_us(bench: Bench) -> None:
    new = bench.create("new")
    (bench.root / "new").mkdir()
    (seen,) = await verification.observe_changes(DiskWorkplace(lambda: [bench.root]), [new], [None], wait_s=0)
    assert (seen.change, verification.judge_changes([seen])) == (None, Verdict.REJECTED)


async def test_a_uri_that_names_another_file_than_the_path_is_refused(bench: Bench) -> None:
    bench.put("a.py", b"x = 1\n")
    change = bench.change("a.py", "1", "2")
    await check_refused(bench, TextChange("file:///etc/passwd", change.path, change.before, change.edits), "same file")


@pytest.mark.parametrize("uri", ["git:/a.py?HEAD", "vscode-vfs://github/a.py", "oil:///home"])
async def test_documents_of_elsewhere_are_not_changed(bench: Bench, uri: str) -> None:
    await check_refused(
        bench, TextChange(uri, None, "x", (Edit(0, 1, "y"),)), "neither a file nor an untitled document"
    )


@pytest.mark.parametrize(
    ("name", "said"), [("out%20side.ipynb", "no workspace folder"), ("nb%202.ipynb", "no longer exists")]
)
async def test_a_cell_is_where_its_notebook_is(bench: Bench, name: str, said: str) -> None:
    bench.put("nb 2.ipynb", b"{}")
    folder = bench.base if name.startswith("out") else bench.root
    (bench.base / "out side.ipynb").write_bytes(b"{}")
    uri = f"vscode-notebook-cell:{folder.as_posix()}/{name}#c1"
    await check_refused(bench, TextChange(uri, None, "x", (Edit(0, 1, "y"),)), said)


async def test_an_untitled_document_that_is_closed_is_gone(bench: Bench) -> None:
    await check_refused(bench, TextChange("untitled:a.py", None, "x", (Edit(0, 1, "y"),)), "no longer exists")


@pytest.mark.parametrize(("data", "said"), [
    (b"x = 1\0\n", "binary"),
    (b"caf\xe9 " * 3 + b"plain text,\n" * 200, "not a text"),
    (b"x = 1\n" * 200_000, "too large"),
])  # fmt: skip
async def test_what_is_no_text_is_left_alone(bench: Bench, data: bytes, said: str) -> None:
    path = bench.put("a.txt", data)
    await check_refused(bench, TextChange(path.as_uri(), path, "x", (Edit(0, 1, "y"),)), said)


async def test_nothing_grows_to_a_megabyte(bench: Bench) -> None:
    bench.put("a.py", b"x = 1\n")
    await check_refused(bench, bench.change("a.py", "1", "'" + "é" * 500_000 + "'"), "1,000,0")
    await check_refused(bench, bench.create("b.py", "x" * 1_000_000), "1,000,000 bytes")


@pytest.mark.parametrize("text", ["a\0b\n", "\ufeffx\n", "\ud800\n"])
async def test_nothing_is_made_that_is_no_text(bench: Bench, text: str) -> None:
    await check_refused(bench, bench.create("a.py", text))


async def test_a_change_that_is_there_already_is_none(bench: Bench) -> None:
    bench.put("a.py", b"x = 2\n")
    path = bench.root / "a.py"
    await check_refused(bench, TextChange(path.as_uri(), path, "x = 1\n", (Edit(4, 5, "2"),)), "changes nothing")


@pytest.mark.parametrize("edits", [(Edit(4, 2, ""),), (Edit(0, 99, ""),), (Edit(2, 4, ""), Edit(3, 5, ""))])
async def test_edits_that_do_not_fit_are_refused(bench: Bench, edits: tuple[Edit, ...]) -> None:
    path = bench.put("a.py", b"x = 1\n")
    await check_refused(bench, TextChange(path.as_uri(), path, "x = 1\n", edits), "do not fit")


async def test_a_file_that_changed_is_not_deleted(bench: Bench) -> None:
    path = bench.put("a.py", b"x = 2\n")
    await check_refused(bench, DeleteFile(path, "x = 1\n"), "has changed")


async def test_a_new_name_that_is_taken_is_refused(bench: Bench) -> None:
    bench.put("a.py", b"")
    bench.put("b.py", b"")
    await check_refused(bench, bench.rename("a.py", "b.py"), "exists already")


async def test_only_the_case_of_a_name_may_change(bench: Bench) -> None:
    bench.put("a.py", b"x = 1\n")
    assert (await bench.gate.propose(make_proposal(bench.rename("a.py", "A.py")))).applied
    assert bench.read_all() == {"workspace/A.py": b"x = 1\n"}


async def test_too_many_files_at_once_are_refused(bench: Bench) -> None:
    outcome = await bench.gate.propose(make_proposal(*(bench.create(f"f{n}.py") for n in range(201))))
    assert (outcome.verdict, "at most 200" in outcome.reason) == (Verdict.REFUSED, True)


# Brought into order


@pytest.mark.parametrize(("before", "old", "new", "after"), [
    (b"a = 1\r\nb = 2\r\n", "1", "1\nc = 3", b"a = 1\r\nc = 3\r\nb = 2\r\n"),
    (b"a = 1\nb = 2\n", "1", "1\r\nc = 3", b"a = 1\nc = 3\nb = 2\n"),
    (b"a = 1\rb = 2\r", "1", "1\nc = 3", b"a = 1\rc = 3\rb = 2\r"),
    (b"a = 1\n", "a = 1\n", "a = 2", b"a = 2\n"),
    (b"a = 1\r\n", "a = 1\r\n", "a = 2", b"a = 2\r\n"),
    (b"a = 1", "1", "2", b"a = 2"),
    (b"a = 1", "1", "1\n", b"a = 1\n"),
    (b"a = 1\nb = 2\n", "b = 2\n", "", b"a = 1\n"),
    (b"a = 1\nb = 2\n", "\nb = 2\n", "", b"a = 1\n"),
    (b"a\r\nb\r\nc\n", "b", "b\nx", b"a\r\nb\r\nx\r\nc\n"),
    (b"\xef\xbb\xbfa = 1\n", "1", "'\xc3\xa9'", b"\xef\xbb\xbfa = '\xc3\x83\xc2\xa9'\n"),
    (b"a = '\xe9\xe9\xe9'\n", "a", "\u00fc", b"\xfc = '\xe9\xe9\xe9'\n"),
    ("\ufeffa = 1\r\n".encode("utf-16-le"), "1", "1\n\u2192", "\ufeffa = 1\r\n\u2192\r\n".encode("utf-16-le")),
    (b"a = 1\n", "a = 1\n", "", b""),
])  # fmt: skip
async def test_line_endings_encoding_and_last_newline_stay(
    bench: Bench, before: bytes, old: str, new: str, after: bytes
) -> None:
    bench.put("a.txt", before)
    outcome = await bench.gate.propose(make_proposal(bench.change("a.txt", old, new)))
    assert (outcome.verdict, bench.read("a.txt")) == (Verdict.APPLIED, after), outcome.reason
    assert (await bench.gate.undo()).applied
    assert bench.read("a.txt") == before


async def test_what_the_encoding_of_a_file_cannot_hold_is_refused(bench: Bench) -> None:
    bench.put("a.txt", b"\xe9\xe9\xe9\n")
    await check_refused(bench, bench.change("a.txt", "é", "→"), "Latin-1", "'→'")


async def test_edits_to_a_file_that_grew_elsewhere_move_along(bench: Bench) -> None:
    path = bench.put("a.py", b"import os\nimport re\n\n\ndef f():\n    return 1\n")
    old = "import os\n\n\ndef f():\n    return 1\n"
    at = old.index("1")
    bench.put("a.py", b"# A\n# new\n# head\n# of four\n" + old.encode())
    change = TextChange(path.as_uri(), path, old, (Edit(at, at + 1, "2"),))
    assert (await bench.gate.propose(make_proposal(change))).applied
    assert bench.read("a.py") == b"# A\n# new\n# head\n# of four\n" + old.encode().replace(b"1", b"2")


async def test_an_edit_whose_place_is_there_twice_by_now_is_refused(bench: Bench) -> None:
    path = bench.put("a.py", b"def f():\n    return 1\n" * 2)
    old = "def f():\n    return 1\n"
    await check_refused(bench, TextChange(path.as_uri(), path, old, (Edit(20, 21, "2"),)), "same place")


# Syntax


async def test_a_new_syntax_error_is_said_in_the_question(bench: Bench) -> None:
    bench.put("a.py", b"x = 1\ny = (2)\n")
    await bench.gate.propose(make_proposal(bench.change("a.py", "(2)", "(2")))
    assert bench.asker.questions[0].warnings == ("a.py would no longer parse: line 2.",)


async def test_a_new_syntax_error_is_refused_where_nobody_chose_the_change(bench: Bench) -> None:
    bench.put("a.py", b"x = 1\ny = (2)\n")
    outcome = await bench.gate.propose(make_proposal(bench.change("a.py", "(2)", "(2"), automatic=True))
    assert (outcome.verdict, "line 2" in outcome.reason, bench.asker.questions) == (Verdict.REFUSED, True, [])


@pytest.mark.parametrize("name", ["a.py", "a.unknown"])
async def test_what_did_not_parse_before_may_stay_so(bench: Bench, name: str) -> None:
    bench.put(name, b"x = (1\ny = 2\n")
    assert (await bench.gate.propose(make_proposal(bench.change(name, "2", "3"), automatic=True))).applied
    assert bench.asker.questions[0].warnings == ()
