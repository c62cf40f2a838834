"""Commands of the review: validate, complexity, test coverage; over texts, open documents and files."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, cast

import pytest

from agents.findings import Fix, Severity
from agents.ports.permissions import Permission
from agents.reviewer.reviewer import Reviewer
from agents.tools import EXECUTE_COMMAND, Tool
from server.gate.ports import Verdict
from tests import marked
from tests.server.editor import URI, finding

if TYPE_CHECKING:
    from pathlib import Path

    from agents.ports.permissions import ToolCall
    from tests.server.editor import Editor, ScriptedReviewer

NESTED = """\
def deep(a, b):
    if a:
        for x in b:
            if x:
                return x


def flat():
    pass
"""


async def execute(editor: Editor, name: str, **arguments: object) -> dict[str, Any]:
    """Execute the command `starling.NAME` and return the whole answer."""
    command = {"command": f"starling.{name}", "arguments": [arguments]}
    return await editor.answer(editor.ask("workspace/executeCommand", command))


async def run_command(editor: Editor, name: str, **arguments: object) -> dict[str, Any]:
    """Execute the command `starling.NAME` and return its result."""
    return dict((await execute(editor, name, **arguments))["result"])


async def begin(editor: Editor, root: Path, **options: object) -> None:
    folders = [{"uri": root.as_uri(), "name": "w"}]
    await editor.begin(workspaceFolders=folders, initializationOptions={"review": options})


async def test_a_text_that_parses_and_holds_no_error_is_valid(editor: Editor) -> None:
    editor.reviewer.findings = {"bad": finding(fix=Fix("Take it out"))}
    await editor.begin()
    facts = await run_command(editor, "validate", text="x = bad\n", language="python")
    assert (facts["language"], facts["parses"], facts["broken"], facts["valid"]) == ("python", True, [], True)
    place = {"start": {"line": 0, "character": 4}, "end": {"line": 0, "character": 7}}
    assert [(one["code"], one["range"], one["fix"]) for one in facts["findings"]] == [
        ("bad-word", place, "Take it out")
    ]


async def test_a_text_that_does_not_parse_says_where(editor: Editor) -> None:
    await editor.begin()
    facts = await run_command(editor, "validate", text="x = 1\ny = (\n", language="python")
    assert (facts["parses"], facts["valid"]) == (False, False)
    assert facts["broken"][0]["start"]["line"] == 1


async def test_syntax_that_may_be_newer_than_the_grammar_is_no_verdict(editor: Editor) -> None:
    await editor.begin()
    facts = await run_command(editor, "validate", text="class Cell<in out T> {}\n", language="typescript")
    assert (facts["parses"], facts["valid"]) == (None, True)
    assert facts["broken"]


async def test_an_error_makes_a_text_invalid_and_a_language_without_grammar_is_no_verdict(editor: Editor) -> None:
    editor.reviewer.findings = {"bad": finding(severity=Severity.ERROR)}
    await editor.begin()
    facts = await run_command(editor, "validate", text="bad", language="klingon")
    assert (facts["language"], facts["parses"], facts["valid"]) == ("text", None, False)


async def test_the_open_text_is_used_before_the_file(editor: Editor, tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_text("x = 1\n")
    await begin(editor, tmp_path)
    assert (await run_command(editor, "validate", uri=path.as_uri()))["parses"] is True
    editor.open("x = (", uri=path.as_uri())
    assert (await run_command(editor, "validate", uri=path.as_uri()))["parses"] is False


async def test_a_file_neither_open_nor_in_the_workspace_is_not_read(editor: Editor, tmp_path: Path) -> None:
    root = tmp_path / "w"
    root.mkdir()
    (tmp_path / "outside.py").write_text("x = 1\n")
    (root / "link.py").symlink_to(tmp_path / "outside.py")
    secret = root / "secret.py"
    secret.write_text("x = 1\n")
    editor.index.excluded = {secret}
    await begin(editor, root)
    for path in (tmp_path / "outside.py", root / "link.py", root / "none.py", secret):
        error = (await execute(editor, "validate", uri=path.as_uri()))["error"]
        assert error["code"] == -32602, path
    assert (await execute(editor, "validate", uri="https://example.org/a.py"))["error"]["code"] == -32602


@pytest.mark.parametrize("arguments", [{}, {"uri": URI, "text": "x", "language": "python"}, {"text": "x"}])
async def test_a_target_is_a_uri_or_a_text_with_its_language(editor: Editor, arguments: dict[str, str]) -> None:
    await editor.begin()
    assert (await execute(editor, "validate", **arguments))["error"]["code"] == -32602


async def test_functions_are_measured_most_complex_first(editor: Editor) -> None:
    await editor.begin()
    facts = await run_command(editor, "calculateComplexity", text=NESTED, language="python")
    assert [(one["name"], one["cyclomatic"], one["cognitive"], one["nesting"]) for one in facts["functions"]] == [
        ("deep", 4, 6, 3),
        ("flat", 1, 0, 0),
    ]
    assert facts["functions"][1]["range"]["start"] == {"line": 7, "character": 0}
    assert (facts["measured"], facts["code_lines"]) == (True, 7)


async def test_a_language_without_functions_is_not_measured(editor: Editor) -> None:
    await editor.begin()
    facts = await run_command(editor, "calculateComplexity", text="one\ntwo\n", language="plaintext")
    assert (facts["measured"], facts["functions"], facts["lines"]) == (False, [], 3)


class Answering:
    """A gate that answers every question alike, and records the questions."""

    def __init__(self, verdict: Verdict) -> None:
        self.verdict = verdict
        self.asked: list[tuple[Tool, str, str]] = []

    async def permit(self, call: ToolCall) -> Permission:
        self.asked.append((call.tool, call.subject, call.title))
        granted = self.verdict is Verdict.APPLIED
        return Permission("p", granted, self.verdict, "" if granted else "A person said no.")

    async def close(self) -> None:
        pass


def replace_gate(editor: Editor, verdict: Verdict, monkeypatch: pytest.MonkeyPatch) -> Answering:
    """Replace the session's gate by one that gives each question the outcome `verdict`; return it."""
    gate = Answering(verdict)
    monkeypatch.setattr(editor.server.session, "_gate", gate)
    return gate


async def test_coverage_is_read_from_the_workspace(editor: Editor, tmp_path: Path) -> None:
    root = tmp_path
    (root / "a.js").write_text("x()\ny()\nz()\n")
    (root / "lcov.info").write_text("SF:a.js\nDA:1,1\nDA:2,0\nDA:3,0\nend_of_record\n")
    await begin(editor, root)
    facts = await run_command(editor, "analyzeTestCoverage")
    assert (facts["measured"], facts["percent"], facts["run"]) == (True, 33.33, None)
    assert [(one["relative"], one["missed"]) for one in facts["files"]] == [("a.js", [[2, 3]])]


async def test_without_coverage_data_the_next_step_is_named(editor: Editor, tmp_path: Path) -> None:
    await begin(editor, tmp_path)
    facts = await run_command(editor, "analyzeTestCoverage")
    assert (facts["measured"], facts["percent"]) == (False, None)
    assert "coverage run -m pytest" in facts["problem"]


async def test_tests_are_run_after_a_person_agreed_to_the_whole_command(
    editor: Editor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STARLING_HOME", str(tmp_path / "home"))
    root = tmp_path / "w"
    root.mkdir()
    (root / "a.js").write_text("x()\n")
    script = "open('lcov.info', 'w').write('SF:a.js\\nDA:1,1\\n')"
    await begin(editor, root, testCommand=f'"{sys.executable}" -c "{script}"')
    gate = replace_gate(editor, Verdict.APPLIED, monkeypatch)
    facts = await run_command(editor, "analyzeTestCoverage", run=True)
    ((tool, subject, title),) = gate.asked
    assert (tool, title) == (EXECUTE_COMMAND, "Run the tests of w")
    assert script in subject.replace("'\"'\"'", "'")
    assert str(root) in subject
    assert (facts["percent"], facts["run"]["outcome"], facts["run"]["exit_code"]) == (100, "ran", 0)


async def test_nothing_runs_without_a_yes(editor: Editor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await begin(editor, tmp_path, testCommand=f"{sys.executable} -c \"open('ran', 'w')\"")
    replace_gate(editor, Verdict.REJECTED, monkeypatch)
    facts = await run_command(editor, "analyzeTestCoverage", run=True)
    assert (facts["run"]["outcome"], facts["run"]["problem"]) == ("rejected", "A person said no.")
    assert not (tmp_path / "ran").exists()


async def test_a_folder_that_is_not_of_the_workspace_is_refused(editor: Editor, tmp_path: Path) -> None:
    await begin(editor, tmp_path)
    error = (await execute(editor, "analyzeTestCoverage", folder="file:///etc"))["error"]
    assert (error["code"], str(tmp_path) in error["message"]) == (-32602, True)


FILES = """
    #- app.py
    def collect(item, into=[]):
        into.append(item)
        return into
    #- web/app.js
    function run() {
      return 1
      console.log("never")
    }
    #- lcov.info
    SF:app.py
    DA:1,1
    DA:2,0
    end_of_record
    #- .gitignore
    ignored.py
    #- ignored.py
    def collect(item, into=[]): into.append(item)
"""


@pytest.fixture
def workspace(editor: Editor, tmp_path: Path) -> Path:
    """Write and return a workspace, and give the editor the real reviewer."""
    editor.reviewer = cast("ScriptedReviewer", Reviewer())
    root = tmp_path.resolve() / "w"
    root.mkdir()
    return marked.parse(FILES).write(root)


async def test_the_report_on_the_workspace_says_how_each_part_was_scored(editor: Editor, workspace: Path) -> None:
    await begin(editor, workspace)
    facts = await run_command(editor, "review")
    assert {part["name"] for part in facts["parts"]} == {
        "findings", "complexity", "tests", "documentation", "pep8", "style",
    }  # fmt: skip
    assert all(part["how"] for part in facts["parts"])
    scored = [(part["score"], part["weight"]) for part in facts["parts"] if part["score"] is not None]
    mean = sum(score * weight for score, weight in scored) / sum(weight for _, weight in scored)
    assert facts["score"] == pytest.approx(mean, abs=0.1)
    codes = {(one["uri"].rpartition("/w/")[2], one["code"]) for one in facts["findings"]}
    assert {("app.py", "mutable-default"), ("web/app.js", "unreachable-code")} <= codes
    assert "ignored.py" not in {name for name, _ in codes}
    assert {part["name"]: part["score"] for part in facts["parts"]}["tests"] == 50
    assert facts["coverage"] == str(workspace / "lcov.info")
    assert [one["name"] for one in facts["functions"]] == ["collect", "run"]
    assert facts["recommendations"]


async def test_the_report_on_paths_covers_only_those(editor: Editor, workspace: Path) -> None:
    await begin(editor, workspace)
    facts = await run_command(editor, "review", paths=["web"])
    assert (facts["files"], {part["name"]: part["score"] for part in facts["parts"]}["tests"]) == (1, None)


async def test_the_report_on_a_document_is_on_the_text_in_the_editor(editor: Editor, workspace: Path) -> None:
    await begin(editor, workspace)
    uri = (workspace / "app.py").as_uri()
    editor.open('"""Nothing."""\n', uri=uri)
    assert (await run_command(editor, "review", uri=uri))["findings"] == []


@pytest.mark.parametrize("path", ["..", "/etc/passwd", "none.py", "a\0b", "x" * 5000, "\ud800"])
async def test_paths_outside_the_workspace_are_refused(editor: Editor, workspace: Path, path: str) -> None:
    await begin(editor, workspace)
    assert (await execute(editor, "review", paths=[path]))["error"]["code"] == -32602


async def test_violations_of_pep8_are_found_whatever_the_workspace_selects(editor: Editor, workspace: Path) -> None:
    (workspace / "ruff.toml").write_text('lint.select = ["F"]\n')
    await begin(editor, workspace)
    facts = await run_command(editor, "analyzePep8", text="import os, sys\nx=1\nclass lower: pass\n", language="python")
    assert facts["checked"]
    assert {"E401", "E225"} & {one["code"] for one in facts["violations"]}
    assert (facts["score"], "violations" in facts["how"]) == (0, True)


async def test_pep8_is_about_python(editor: Editor, workspace: Path) -> None:
    await begin(editor, workspace)
    facts = await run_command(editor, "analyzePep8", uri=(workspace / "web/app.js").as_uri())
    assert (facts["checked"], "javascript" in facts["problem"]) == (False, True)


async def test_the_answer_about_a_file_that_is_left_out_says_why(editor: Editor, workspace: Path) -> None:
    path = workspace / "made.py"
    path.write_text("x = 1\n")
    (workspace / "fine.py").write_text("x = 1\n")
    (workspace / "banner.py").write_text("# Code generated by x. DO NOT EDIT.\nx = 1\n")
    editor.index.excluded.add(path)
    await begin(editor, workspace)
    facts = await run_command(editor, "review", paths=["made.py", "fine.py", "banner.py"])
    assert facts["files"] == 1
    assert "made.py is left out (secret). banner.py is left out (generated): " in facts["problem"]
    refused = await execute(editor, "review", uri=path.as_uri())
    assert "made.py is left out (secret)." in refused["error"]["message"]
    editor.open("x = 1\n", uri=path.as_uri())
    facts = await run_command(editor, "review", uri=path.as_uri())
    assert facts["problem"].endswith("made.py is left out (secret).")
    assert (await run_command(editor, "validate", uri=path.as_uri()))["left_out"] == "made.py is left out (secret)."
    refused = await execute(editor, "fix", uri=path.as_uri(), code="compare-none")
    assert "made.py is left out (secret)." in str(refused)
