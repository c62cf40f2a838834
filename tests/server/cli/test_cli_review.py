"""`starling review`: the reviewed files, the four formats, the status, changed lines, and fixes through the gate."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from server.cli import run
from tests import marked

if TYPE_CHECKING:
    from collections.abc import Callable

    Review = Callable[..., tuple[int, dict[str, Any]]]

WORKSPACE = """
    #- .git/HEAD
    ref: refs/heads/main
    #- app.py
    def collect(item, into=[]):
        if item == None:
            return into
        into.append(item)
        return into
    #- web/app.js
    function run() {
      return 1
      console.log("never")
    }
    #- .gitignore
    generated/
    #- generated/out.py
    def collect(item, into=[]): into.append(item)
"""
SAFE = "import os\n\n\ndef area(width):\n    return f'wide'\n"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Set Starling's home to a new folder and return it."""
    monkeypatch.setenv("STARLING_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Enter and return a new workspace."""
    root = marked.parse(WORKSPACE).write(tmp_path.resolve() / "workspace")
    monkeypatch.chdir(root)
    return root


@pytest.fixture
def review(capsys: pytest.CaptureFixture[str]) -> Review:
    """Return a function that runs `starling review --format json`, and returns the status and the object."""

    def run_review(*arguments: str) -> tuple[int, dict[str, Any]]:
        capsys.readouterr()
        status = run(["review", *arguments, "--format", "json"])
        return status, dict(json.loads(capsys.readouterr().out))

    return run_review


def list_codes(answer: dict[str, Any]) -> set[tuple[str, str]]:
    """Return the file and the rule of each finding."""
    return {(one["file"], one["code"]) for one in answer["findings"]}


@pytest.mark.usefixtures("workspace")
def test_a_folder_is_reviewed_by_the_rules_of_the_index(review: Review) -> None:
    _, answer = review()
    assert {("app.py", "mutable-default"), ("web/app.js", "unreachable-code")} <= list_codes(answer)
    assert {one["file"] for one in answer["findings"]} == {"app.py", "web/app.js"}
    assert answer["skipped"]["ignored"] == 1


def test_every_finding_has_its_right_place(workspace: Path, review: Review) -> None:
    _, answer = review(str(workspace / "app.py"))
    (default,) = [one for one in answer["findings"] if one["code"] == "mutable-default"]
    line = (workspace / "app.py").read_text().splitlines()[default["line"] - 1]
    assert line[default["column"] - 1 : default["end_column"] - 1] == "[]"


@pytest.mark.usefixtures("workspace")
def test_a_named_file_is_reviewed_whatever_the_ignore_files_say(
    review: Review,
) -> None:
    _, answer = review("generated/out.py")
    assert ("generated/out.py", "mutable-default") in list_codes(answer)


@pytest.mark.usefixtures("workspace")
@pytest.mark.parametrize(
    ("level", "status"), [("hint", 1), ("information", 1), ("warning", 1), ("error", 0), ("never", 0)]
)
def test_the_status_says_whether_there_is_a_finding_of_that_severity(level: str, status: int) -> None:
    assert run(["review", "web", "--fail-on", level, "--format", "json"]) == status


@pytest.mark.usefixtures("workspace")
def test_settings_of_the_workspace_are_used(review: Review) -> None:
    Path(".starling.toml").write_text('[review]\nrules_off = ["mutable-default"]\nseverity = "information"\n')
    _, answer = review()
    assert "mutable-default" not in {code for _, code in list_codes(answer)}
    assert "hint" not in {one["severity"] for one in answer["findings"]}


@pytest.mark.usefixtures("workspace")
def test_a_rule_that_is_off_by_default_is_switched_on(review: Review) -> None:
    Path("web/task.js").write_text("// TODO tidy\n")
    _, before = review()
    Path(".starling.toml").write_text('[review]\nrules_on = ["todo-without-owner"]\n')
    _, after = review()
    assert "todo-without-owner" not in {code for _, code in list_codes(before)}
    assert "todo-without-owner" in {code for _, code in list_codes(after)}


@pytest.mark.usefixtures("workspace")
def test_a_person_reads_a_line_for_each_finding(capsys: pytest.CaptureFixture[str]) -> None:
    run(["review", "web"])
    out, err = capsys.readouterr()
    assert out.startswith("web/app.js:3:3: ")
    assert "unreachable-code: " in out
    assert "1 finding in 1 file" in err


def test_the_report_scores_each_part_and_says_how(
    workspace: Path, review: Review, capsys: pytest.CaptureFixture[str]
) -> None:
    (workspace / "lcov.info").write_text("SF:app.py\nDA:1,1\nDA:2,0\nend_of_record\n")
    report = review("--report")[1]["report"]
    assert {part["name"]: part["score"] for part in report["parts"]}["tests"] == 50
    assert [one["name"] for one in report["functions"]] == ["collect", "run"]
    run(["review", "--report"])
    out = capsys.readouterr().out
    assert f"Quality: {report['score']} of 100" in out
    assert all(part["how"] in out for part in report["parts"])
    assert report["recommendations"][0] in out


@pytest.mark.usefixtures("workspace")
def test_github_reads_a_command_for_each_finding(capsys: pytest.CaptureFixture[str]) -> None:
    Path("web/a,b:c%.js").write_text(Path("web/app.js").read_text())
    run(["review", "web/a,b:c%.js", "--format", "github"])
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("::warning file=web/a%2Cb%3Ac%25.js,line=3,endLine=3,col=3,endColumn=")
    assert "title=Starling%3A unreachable-code::" in line


@pytest.mark.usefixtures("workspace")
@pytest.mark.parametrize("form", ["text", "github"])
def test_a_files_name_neither_drives_the_terminal_nor_passes_for_a_line(
    form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    name = "web/\x1b[2J\nfree.js:1:1: error made-up: x\r.js"
    Path(name).write_text(Path("web/app.js").read_text())
    run(["review", name, "--format", form])
    (line,) = capsys.readouterr().out.splitlines()
    assert "\\x1b[2J" in line


@pytest.mark.usefixtures("workspace")
def test_sarif_holds_what_its_schema_asks_for(capsys: pytest.CaptureFixture[str]) -> None:
    Path("web/ä b.js").write_text(Path("web/app.js").read_text())
    run(["review", "--format", "sarif"])
    log = json.loads(capsys.readouterr().out)
    (one,) = log["runs"]
    assert (log["version"], log["$schema"].rpartition("/")[2]) == ("2.1.0", "sarif-2.1.0.json")
    rules = one["tool"]["driver"]["rules"]
    assert len({rule["id"] for rule in rules}) == len(rules)
    assert len(one["results"]) > 3
    for result in one["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] in {"error", "warning", "note"}
        assert result["message"]["text"]
        (location,) = result["locations"]
        region = location["physicalLocation"]["region"]
        assert min(region.values()) >= 1
        assert (region["startLine"], region["startColumn"]) <= (region["endLine"], region["endColumn"])
    uris = {r["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for r in one["results"]}
    assert {"app.py", "web/app.js", "web/%C3%A4%20b.js"} == uris


@pytest.mark.usefixtures("workspace")
@pytest.mark.parametrize("arguments", [["none.py"], ["--diff", "main"], ["x" * 5000], [f"{'x' * 5000}/a.py"]])
def test_what_cannot_be_done_is_one_sentence(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["review", *arguments]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def run_git(*arguments: str) -> None:
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *identity, *arguments], check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Enter and return a new git repository with one commit."""
    root = marked.parse(WORKSPACE.replace(".git/HEAD", "notes.txt")).write(tmp_path.resolve() / "repository")
    monkeypatch.chdir(root)
    run_git("init", "-q", "-b", "main")
    run_git("add", ".")
    run_git("commit", "-qm", "first")
    return root


def test_only_findings_on_changed_lines_and_in_new_files_are_reported(repository: Path, review: Review) -> None:
    status, answer = review("--diff", "main")
    assert (status, answer["files"], answer["findings"]) == (0, 0, [])
    text = (repository / "app.py").read_text()
    (repository / "app.py").write_text(text + "\n\ndef again(ä={}):\n    ä['x'] = 1\n")
    (repository / "fresh ä.py").write_text("def new(into=[]):\n    into.append(1)\n")
    _, answer = review("--diff", "main")
    found = {(one["file"], one["line"]) for one in answer["findings"] if one["code"] == "mutable-default"}
    assert found == {("app.py", 8), ("fresh ä.py", 1)}
    run_git("add", ".")
    run_git("commit", "-qm", "second")
    assert {one["file"] for one in review("--diff", "HEAD~1")[1]["findings"]} == {"app.py", "fresh ä.py"}


@pytest.mark.parametrize("kind", ["pipe", "loop"])
def test_a_path_that_is_neither_file_nor_folder_is_reported(
    workspace: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if kind == "pipe":
        os.mkfifo(workspace / kind)
    else:
        (workspace / kind).symlink_to(kind)
    assert run(["review", kind]) == 1
    assert f"{kind} is neither a file nor a folder" in capsys.readouterr().err


NEW = "def again(a=[]):\n    a.append(1)\n"


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ('q"uo\tte \\.py', "x = 1\n", "x = 1\n" + NEW),
        ("content.py", "x = 1\n", '"""\n++ b/other.py\n@@ -1 +1 @@\n"""\n' + NEW),
        ("ends.py", "x = 1\ry = 2\rz = 3\n", "x = 1\ry = 2\rz = 3\n" + NEW),
        ("unended.py", "x = 1", "x = 2\n" + NEW.rstrip()),
        ("wide.py", "\ufeffx = 1\n", "\ufeffx = 1\n" + NEW),
        ("hidden.py", "x = 1\n", "x = 1\n" + NEW),
    ],
)
def test_changed_lines_are_found_in_any_file(
    repository: Path, review: Review, name: str, before: str, after: str
) -> None:
    encoding = "utf-16-le" if name == "wide.py" else "utf-8"
    (repository / name).write_bytes(before.encode(encoding))
    (repository / ".gitattributes").write_text("hidden.py -diff\n")
    run_git("add", ".")
    run_git("commit", "-qm", "second")
    (repository / name).write_bytes(after.encode(encoding))
    (repository / "app.py").write_text("# new\n" + (repository / "app.py").read_text())
    found = list_codes(review("--diff", "HEAD")[1])
    assert (name, "mutable-default") in found
    assert ("app.py", "mutable-default") not in found


@pytest.mark.parametrize("revision", ["--output=stolen", "-p", "main;rm", "a b", "", "$(x)", "x\ny"])
def test_a_revision_cannot_be_an_option(repository: Path, revision: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["review", f"--diff={revision}"]) == 2
    assert "not a revision" in capsys.readouterr().err
    assert not (repository / "stolen").exists()


@pytest.mark.usefixtures("repository")
def test_a_revision_that_git_does_not_know_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["review", "--diff", "nowhere"]) == 1
    assert "git knows no revision nowhere" in capsys.readouterr().err


def test_safe_fixes_alone_are_made_after_approval(workspace: Path, review: Review) -> None:
    (workspace / "fix.py").write_bytes(SAFE.encode().replace(b"\n", b"\r\n"))
    before = (workspace / "app.py").read_bytes()
    _, answer = review("fix.py", "--fix")
    assert (workspace / "fix.py").read_bytes() == SAFE.encode().replace(b"\n", b"\r\n"), "nobody could be asked"
    assert any(one["fix"] and one["fix"]["safe"] for one in answer["findings"])
    status, answer = review(".", "--fix", "--yes", "edit", "--fail-on", "never")
    assert status == 0
    assert b"return 'wide'\r\n" in (workspace / "fix.py").read_bytes()
    assert not any(one["fix"] and one["fix"]["safe"] for one in answer["findings"])
    assert (workspace / "app.py").read_bytes() == before


def test_the_note_about_made_fixes_says_how_to_undo_them(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (workspace / "fix.py").write_text(SAFE, "utf-8", newline="")
    run(["review", "fix.py", "--fix", "--yes", "edit"])
    (told,) = (line for line in capsys.readouterr().err.splitlines() if "Fixed" in line)
    assert run(["undo", told.rpartition(" ")[2], "--yes", "edit"]) == 0
    assert (workspace / "fix.py").read_text("utf-8") == SAFE


def test_no_command_of_the_repository_is_run(repository: Path, review: Review) -> None:
    ran = repository.parent / "ran"
    (repository / ".gitattributes").write_text("*.py filter=own diff=own\n*.js filter=kept\n")
    run_git("add", ".")
    run_git("commit", "-qm", "second")
    for key in ("filter.own.clean", "filter.own.process", "filter.kept.clean", "core.fsmonitor", "diff.own.textconv"):
        run_git("config", key, f"touch {ran}; cat")
    for key in ("diff.own.command", "diff.external"):
        run_git("config", key, f"touch {ran}")
    run_git("config", "filter.own.required", "true")
    text = (repository / "app.py").read_text()
    (repository / "app.py").write_text(text + "\n\ndef again(a={}):\n    a['x'] = 1\n")
    os.utime(repository / "web" / "app.js", (1, 1))  # git would look at it, and write its index anew
    hook = repository / ".git" / "hooks" / "post-index-change"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {ran}\n")
    hook.chmod(0o755)
    index = (repository / ".git" / "index").read_bytes()
    _, answer = review("--diff", "main")
    assert {one["line"] for one in answer["findings"] if one["code"] == "mutable-default"} == {8}
    assert not ran.exists()
    assert (repository / ".git" / "index").read_bytes() == index, "looking changes nothing"


def test_a_missing_order_file_does_not_matter(repository: Path, review: Review) -> None:
    run_git("config", "diff.orderFile", "nowhere")
    (repository / "app.py").write_text((repository / "app.py").read_text() + "\n\ndef again(a={}):\n    a['x'] = 1\n")
    _, answer = review("--diff", "main")
    assert "mutable-default" in {one["code"] for one in answer["findings"]}


def test_a_filter_that_cannot_be_disabled_is_reported(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with (repository / ".git" / "config").open("a") as file:
        file.write('[filter "a=b"]\n\tclean = cat\n')
    assert run(["review", "--diff", "main"]) == 1
    assert "review without --diff" in capsys.readouterr().err


def test_a_write_protected_file_is_not_fixed_and_the_others_are(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("kept.py", "fix.py"):
        (workspace / name).write_text(SAFE)
    (workspace / "kept.py").chmod(0o444)
    run(["review", "--fix", "--yes", "edit", "--fail-on", "never"])
    said = capsys.readouterr().err
    assert "kept.py is write-protected and stays as it is" in said
    assert "Fixed; undo it with: starling undo" in said
    assert ((workspace / "kept.py").read_text(), "f'wide'" in (workspace / "fix.py").read_text()) == (SAFE, False)


BANNER = "# Code generated by x. DO NOT EDIT.\nif x == None:\n    x = 1\n"


def test_a_named_file_that_is_left_out_is_explained_and_can_be_included(
    review: Review, workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (workspace / "made.py").write_text(BANNER)
    _, answer = review("made.py")
    (why,) = answer["left_out"]
    assert answer["files"] == 0
    assert why == (
        "made.py is left out (generated): made.py is marked as generated;"
        " add `!/made.py` to the workspace's .starlingignore to have it in."
    )
    assert run(["review", "made.py"]) == 0
    assert why in " ".join(capsys.readouterr().err.split())
    (workspace / ".starlingignore").write_text("!/made.py\n")
    for asked in ("made.py", "."):
        assert any(file == "made.py" for file, _ in list_codes(review(asked)[1]))


def test_a_folder_of_which_nothing_is_reviewed_says_what_is_left_out(review: Review, workspace: Path) -> None:
    (workspace / "only").mkdir()
    (workspace / "only" / "made.py").write_text(BANNER)
    assert review("only")[1]["left_out"] == [
        "Everything is left out: 1 generated; name a file to learn why, and how to include it."
    ]


CASES = ("src/build/plan.ts", "internal/build/plan.go", "src/target/mod.rs")


def test_tracked_source_folders_are_reviewed_whatever_they_are_called(review: Review, tmp_path: Path) -> None:
    root = tmp_path / "repository"
    for name in CASES:
        (root / name).parent.mkdir(parents=True)
        (root / name).write_text("function f(a) {\n  return 1;\n  return 2;\n}\n")
    subprocess.run(["git", "init", "-q", root], check=True)
    assert review(str(root))[1]["files"] == 0
    subprocess.run(["git", "-C", root, "add", "-A"], check=True)
    assert review(str(root))[1]["files"] == len(CASES)


def test_text_about_generating_does_not_exclude_a_file(review: Review, workspace: Path) -> None:
    for number, first in enumerate(
        (
            '"""Makes the tables. Do not edit what it generated; run it again."""',
            "# Replaces the docs that used to be auto-generated by sphinx.",
        )
    ):
        (workspace / f"make{number}.py").write_text(f"{first}\nx = 1\nif x == None:\n    x = 2\n")
    _, answer = review("make0.py", "make1.py")
    assert answer["files"] == 2
    assert {file for file, _ in list_codes(answer)} == {"make0.py", "make1.py"}


def test_a_fix_is_not_made_through_a_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("here", "other"):
        (tmp_path / name / ".git").mkdir(parents=True)
        (tmp_path / name / "app.py").write_text("import os\n\n\ndef f() -> None:\n    return\n")
    (tmp_path / "here" / "link.py").symlink_to(tmp_path / "other" / "app.py")
    monkeypatch.chdir(tmp_path / "here")
    before = (tmp_path / "other" / "app.py").read_bytes()
    for named in (["link.py"], ["app.py", "link.py"]):
        assert run(["review", "--fix", "--yes", "edit", *named]) == 1
    assert (tmp_path / "other" / "app.py").read_bytes() == before
    assert run(["review", "--fix", "--yes", "edit", "app.py"]) == 0
    assert (tmp_path / "here" / "app.py").read_bytes() != before
