"""Files tracked by git: source unless marked, for every folder name and every format of the git index."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from indexing.limits import IndexLimits
from indexing.workspace import tracked
from indexing.workspace.exclusion import Exclusion
from indexing.workspace.tracked import Repository, Tracked
from indexing.workspace.walk import WalkCounts, walk
from tests.indexing.test_lifetime import list_definitions, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from indexing.index import Index

SOURCES = ("src/build/plan.ts", "internal/build/plan.go", "src/target/mod.rs", "vendor/shop.py", "dist/deep/out/a.js")
LIMITS = IndexLimits()


def run_git(folder: Path, *arguments: str) -> None:
    """Run git as nobody in particular, with no configuration of whoever runs the tests."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1"}
    identity = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "protocol.file.allow=always")
    subprocess.run(["git", *identity, *arguments], cwd=folder, env=environment, check=True, capture_output=True)


def write_files(root: Path, *names: str, text: str = "x = 1\n") -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def list_walked(root: Path) -> set[str]:
    """Return the files that a walk over `root` finds; check that the filter agrees about each."""
    exclusion = Exclusion(root, LIMITS)
    names = {each.relative for each in walk(exclusion, LIMITS, WalkCounts())}
    for name in SOURCES:  # both ways of asking agree
        path = root / name
        assert (exclusion.find_reason(path) == "") == (name in names) or not path.exists(), name
    return names


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    write_files(root, *SOURCES)
    run_git(root, "init")
    return root


FORMS = {
    "version 2": ("init", ()),
    "version 4": ("init", ("update-index", "--index-version", "4")),
    "version 3": ("init", ("update-index", "--skip-worktree", "src/build/plan.ts")),
    "split": ("init", ("update-index", "--split-index")),
    "sha256": ("init --object-format=sha256", ()),
    "sha256, version 4": ("init --object-format=sha256", ("update-index", "--index-version", "4")),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("singly", [1, 50])
def test_tracked_source_is_source_whatever_its_folder_is_called(
    tmp_path: Path, form: str, singly: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracked, "_MOST_SINGLE_LOOKUPS", singly)
    root = tmp_path / "root"
    write_files(root, *SOURCES, *(f"many/file{number}.py" for number in range(60)), "long/" + "n" * 200 + "/build/a.py")
    write_files(root, "user_generated.py", "new_generated.py")
    begin, then = FORMS[form]
    run_git(root, *begin.split())
    run_git(root, "add", "-A", ":!new_generated.py")
    if then:
        run_git(root, *then)
    assert list_walked(root) >= {*SOURCES, "user_generated.py", "long/" + "n" * 200 + "/build/a.py"}
    assert "new_generated.py" not in list_walked(root)


def test_what_git_does_not_track_is_left_out_as_without_git(root: Path) -> None:
    assert list_walked(root) == set()
    run_git(root, "add", "src")
    assert list_walked(root) == {"src/build/plan.ts", "src/target/mod.rs"}
    run_git(root, "rm", "--cached", "-r", "src/build")
    assert list_walked(root) == {"src/target/mod.rs"}


def test_a_name_that_only_ends_alike_is_not_tracked(root: Path) -> None:
    write_files(root, "other/src/build/plan.ts", "src/build2/x.ts", "build/a.py")
    run_git(root, "add", "other", "src/build2")
    assert list_walked(root) == {"other/src/build/plan.ts", "src/build2/x.ts"}


def test_what_only_keeps_a_folder_there_makes_it_no_source(root: Path) -> None:
    write_files(root, "build/.gitkeep", "build/.gitignore", "build/made.py", text="")
    run_git(root, "add", "-f", "build/.gitkeep", "build/.gitignore")
    assert list_walked(root) == set()


@pytest.mark.parametrize("version", ["2", "4"])
def test_a_tracked_placeholder_is_a_tracked_file(root: Path, version: str) -> None:
    write_files(root, "many/.gitkeep", "many/other.py")
    run_git(root, "add", "-f", "many/.gitkeep")
    run_git(root, "update-index", "--index-version", version)
    known = Tracked()
    assert known.has_file(root / "many/.gitkeep")
    assert not known.has_file(root / "many/other.py")
    assert not known.has_folder(root / "many")
    others = [known.has_file(root / f"other{number}.py") for number in range(75)]
    late = Tracked(_held=known._held)  # by now all names have been read
    assert (late.has_file(root / "many/.gitkeep"), any(others)) == (True, False)


def test_ignoring_ends_where_tracking_begins_as_for_git(root: Path) -> None:
    write_files(root, ".gitignore", text="build/\n*.gen.py\n")
    write_files(root, "a.gen.py", "b.gen.py")
    run_git(root, "add", "-f", "src/build", "a.gen.py")
    assert list_walked(root) == {"src/build/plan.ts", "a.gen.py", ".gitignore"}
    write_files(root, ".starlingignore", text="a.gen.py\n")
    assert "a.gen.py" not in list_walked(root)


def test_what_is_marked_is_left_out_though_it_is_tracked(root: Path) -> None:
    write_files(root, "build/made.py", text="# This file is generated. Do not edit.\nx = 1\n")
    write_files(root, "vendor/modules.txt", "node_modules/a/index.js", "api/client.py", "api/hand.py", "theirs/lib.py")
    write_files(
        root,
        ".gitattributes",
        text="api/** linguist-generated\napi/hand.py -linguist-generated\ntheirs/** linguist-vendored=true\n",
    )
    run_git(root, "add", "-Af")
    names = list_walked(root)
    assert "api/hand.py" in names
    assert not names & {"api/client.py", "theirs/lib.py", "vendor/shop.py", "node_modules/a/index.js"}
    exclusion = Exclusion(root, LIMITS)
    reasons = {name: exclusion.find_reason(root / name) for name in ("build/made.py", "api/client.py", "theirs/lib.py")}
    assert reasons == {"build/made.py": "generated", "api/client.py": "generated", "theirs/lib.py": "vendored"}


def test_a_mark_that_is_taken_back_counts_more_than_a_banner(root: Path) -> None:
    write_files(root, "made.py", text="# This file is generated. Do not edit.\nx = 1\n")
    write_files(root, "sub/.gitattributes", text="* linguist-generated=false\n")
    write_files(root, "sub/made.py", text="# This file is generated. Do not edit.\nx = 1\n")
    exclusion = Exclusion(root, LIMITS)
    assert (exclusion.find_reason(root / "made.py"), exclusion.find_reason(root / "sub" / "made.py")) == (
        "generated",
        "",
    )


def test_a_linked_work_tree_has_an_index_of_its_own_and_the_common_exclude_file(root: Path, tmp_path: Path) -> None:
    run_git(root, "add", "src")
    run_git(root, "commit", "-m", "a")
    run_git(root, "worktree", "add", str(tmp_path / "linked"))
    (root / ".git" / "info" / "exclude").write_text("private.py\n")
    write_files(tmp_path / "linked", "private.py", "other.py", "build/a.py")
    assert list_walked(tmp_path / "linked") == {"src/build/plan.ts", "src/target/mod.rs", "other.py"}
    write_files(tmp_path / "linked" / "inner", "private.py", "b.py")
    assert list_walked(tmp_path / "linked" / "inner") == {"b.py"}


def test_a_submodule_is_asked_itself(root: Path, tmp_path: Path) -> None:
    write_files(tmp_path / "part", "build/a.py")
    run_git(tmp_path / "part", "init")
    run_git(tmp_path / "part", "add", "-A")
    run_git(tmp_path / "part", "commit", "-m", "a")
    run_git(root, "submodule", "add", str(tmp_path / "part"), "sub")
    write_files(root, "sub/dist/b.py")
    assert {"sub/build/a.py"} <= list_walked(root)
    assert "sub/dist/b.py" not in list_walked(root)


@pytest.mark.parametrize("harm", ["cut", "noise", "empty", "fifo", "zero", "gitdir", "loop"])
def test_a_damaged_repository_is_as_none(root: Path, harm: str) -> None:
    run_git(root, "add", "-A")
    index = root / ".git" / "index"
    data = index.read_bytes()
    if harm in {"cut", "noise", "empty"}:
        index.write_bytes({"cut": data[:100], "noise": b"DIRC\0\0\0\4\0\0\xff\xff" + data, "empty": b""}[harm])
    elif harm in {"fifo", "zero"}:
        index.unlink()
        os.mkfifo(index) if harm == "fifo" else index.symlink_to("/dev/zero")
    else:
        (root / ".git").rename(root / "elsewhere")
        (root / ".git").write_text("gitdir: /dev/zero\n" if harm == "gitdir" else "gitdir: .git\n")
    assert {name for name in list_walked(root) if not name.startswith("elsewhere")} <= set(SOURCES) | {".git"}
    assert not Tracked().has_file(root / "nothing.py")


def test_without_git_folders_go_by_their_names(tmp_path: Path) -> None:
    write_files(tmp_path, *SOURCES, "a.py")
    assert Repository.around(tmp_path / "src") is None or not (tmp_path / ".git").exists()
    assert list_walked(tmp_path) == {"a.py"}


def test_what_a_person_wants_is_indexed_whatever_it_holds(make_index: Callable[..., Index], tmp_path: Path) -> None:
    root = tmp_path / "root"
    write_files(root, "made.py", text="# Code generated by hand. DO NOT EDIT.\ndef zeppelin(): pass\n")
    write_files(root, "build/wanted.py", text="def airship(): pass\n")
    index = make_index(root)
    assert list_definitions(index, "zeppelin") == list_definitions(index, "airship") == []
    assert index.explain(root / "made.py") == (
        "made.py is left out (generated): made.py is marked as generated;"
        " add `!/made.py` to the workspace's .starlingignore to have it in."
    )
    assert "build/ is named like build output, and git tracks nothing in it" in index.explain(
        root / "build" / "wanted.py"
    )
    (root / ".starlingignore").write_text("!/made.py\n!/build/\n")
    index.reindex([root / ".starlingignore"])
    assert wait_until(
        lambda: (
            list_definitions(index, "zeppelin") == ["made.py"]
            and list_definitions(index, "airship") == ["build/wanted.py"]
        )
    )
    assert wait_until(lambda: index.explain(root / "made.py") == "")
