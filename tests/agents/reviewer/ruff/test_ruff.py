"""ruff as a part of the static layer: the real program, the workspace's configuration, and reviews without it."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from agents.edits import apply_edits
from agents.findings import Severity
from agents.reviewer.review_policy import ReviewPolicy
from agents.reviewer.reviewer import Reviewer
from agents.reviewer.ruff import ruff_settings
from agents.reviewer.ruff.ruff import Ruff
from indexing.process.children import Bounds
from tests.agents.reviewer.labels import locate_findings, make_document
from tests.marked import parse

if TYPE_CHECKING:
    from pathlib import Path

    from agents.findings import Finding

UNUSED = "import os\n\nprint(undefined)\n"


def review_workspace(tmp_path: Path, fixture: str, policy: ReviewPolicy | None = None) -> tuple[Finding, ...]:
    """Return the findings in `main.py` of a workspace with the fixture's files."""
    marked = parse(fixture)
    marked.write(tmp_path)
    return Reviewer(policy).review(make_document(marked.files["main.py"], path=tmp_path / "main.py"))


def list_codes(findings: tuple[Finding, ...]) -> list[str]:
    return [finding.code for finding in findings]


def test_its_findings_carry_its_codes_severities_and_links(tmp_path: Path) -> None:
    unused, undefined = review_workspace(tmp_path, UNUSED)
    assert (unused.code, unused.severity, unused.source, unused.unnecessary) == ("F401", Severity.HINT, "ruff", True)
    assert (undefined.code, undefined.severity) == ("F821", Severity.ERROR)
    assert undefined.url.startswith("https://docs.astral.sh/ruff/")
    assert locate_findings((undefined,), UNUSED) == {(2, 6, 15, "F821")}


def test_its_safe_fixes_are_safe_here_too(tmp_path: Path) -> None:
    fix = review_workspace(tmp_path, UNUSED)[0].fix
    assert fix is not None
    assert fix.safe
    assert apply_edits(UNUSED, fix.edits) == "\nprint(undefined)\n"


def test_columns_count_characters_whatever_they_are(tmp_path: Path) -> None:
    text = 'x = "🐦é", undefined\r\ny = undefined\r\n'
    findings = Reviewer().review(make_document(text, path=tmp_path / "main.py"))
    assert [text[each.span.start : each.span.end] for each in findings] == ["undefined", "undefined"]


def test_what_the_workspace_selects_is_left_to_its_own_ruff(tmp_path: Path) -> None:
    found = review_workspace(
        tmp_path,
        """
        #- ruff.toml
        lint.select = ["F401", "B006"]
        #- main.py
        import os

        def collect(item, found=[]):
            found.append(item)
            return undefined
        """,
    )
    assert list_codes(found) == ["F821"]


def test_what_the_workspace_ignores_is_not_brought_back(tmp_path: Path) -> None:
    found = review_workspace(
        tmp_path,
        """
        #- pyproject.toml
        [tool.ruff.lint]
        select = ["E9"]
        ignore = ["F821", "B006"]
        #- main.py
        import os

        def collect(item, found=[]):
            found.append(item)
            return undefined
        """,
    )
    assert list_codes(found) == ["F401"]


def test_a_policy_asks_for_everything_the_workspace_selects(tmp_path: Path) -> None:
    workspace = "#- ruff.toml\nlint.select = ['F401', 'D100']\n#- main.py\n" + UNUSED
    assert "D100" not in list_codes(review_workspace(tmp_path, workspace))
    assert {"D100", "F401", "F821"} <= set(
        list_codes(review_workspace(tmp_path, workspace, ReviewPolicy(ruff="always")))
    )


def test_what_a_configuration_excludes_is_silent(tmp_path: Path) -> None:
    assert review_workspace(tmp_path, "#- ruff.toml\nexclude = ['main.py']\n#- main.py\n" + UNUSED) == ()


def test_noqa_holds(tmp_path: Path) -> None:
    assert list_codes(review_workspace(tmp_path, "import os  # noqa: F401\nimport sys\n\nx = 1\n")) == ["F401"]


def test_a_rule_of_starling_yields_where_ruff_reports_the_same_fault(tmp_path: Path) -> None:
    text = "def find(a):\n    return {'one': 1, 'one': a}\n"
    assert list_codes(review_workspace(tmp_path, text)) == ["F601"]
    assert list_codes(review_workspace(tmp_path, text, ReviewPolicy(ruff="never"))) == ["duplicate-key"]


def test_of_broken_code_only_the_first_syntax_error_is_reported(tmp_path: Path) -> None:
    found = review_workspace(tmp_path, "import os\ndef broken(:\n    return (\n\nprint(undefined\n")
    assert list_codes(found) == ["invalid-syntax"]
    assert found[0].severity is Severity.ERROR


def test_new_syntax_is_no_error_where_the_project_does_not_say_its_python(tmp_path: Path) -> None:
    text = "type Pair[T] = tuple[T, T]\n"
    assert list_codes(review_workspace(tmp_path, text)) == []
    older = "#- pyproject.toml\n[project]\nrequires-python = '>=3.9'\n#- main.py\n" + text
    assert list_codes(review_workspace(tmp_path, older)) == ["invalid-syntax"]


def test_a_broken_configuration_is_named_and_the_other_rules_still_run(tmp_path: Path) -> None:
    marked = parse("#- ruff.toml\nlint.select = ['NOSUCH']\n#- main.py\nimport os\n\ndef f(x):\n    return x is x\n")
    marked.write(tmp_path)
    reviewer = Reviewer()
    found = reviewer.review(make_document(marked.files["main.py"], path=tmp_path / "main.py"))
    assert list_codes(found) == ["self-comparison"]
    assert reviewer.problem.startswith("ruff failed")


def test_a_project_file_of_brackets_without_end_costs_no_finding(tmp_path: Path) -> None:
    marked = parse("#- pyproject.toml\nx = %s\n#- main.py\ndef f(x):\n    return x is x\n" % ("[" * 100_000))
    marked.write(tmp_path)
    found = Reviewer().review(make_document(marked.files["main.py"], path=tmp_path / "main.py"))
    assert "self-comparison" in list_codes(found)


def test_what_a_configuration_extends_is_read_only_where_it_is_a_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")  # whoever opens it waits for ever
    (tmp_path / "ruff.toml").write_text('extend = "pipe"\nlint.ignore = ["E501"]\n')
    assert ruff_settings._read_ignored_codes(tmp_path / "ruff.toml") == ("E501",)


@pytest.mark.parametrize(
    "extended", ["/dev/zero", "pipe", "link", "folder", "large.toml", "ruff.toml", "${X:-/dev/zero}"]
)
@pytest.mark.parametrize("name", ["ruff.toml", "pyproject.toml"])
def test_a_configuration_that_nobody_can_read_to_its_end_is_not_handed_to_ruff(
    tmp_path: Path, extended: str, name: str
) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("/dev/zero")
    (tmp_path / "large.toml").write_text("#" * 1_100_000)
    extended = name if extended == "ruff.toml" else extended  # itself
    (tmp_path / name).write_text(("[tool.ruff]\n" if name == "pyproject.toml" else "") + f"extend = '{extended}'\n")
    (tmp_path / "main.py").write_text(UNUSED)
    main = make_document(UNUSED, path=tmp_path / "main.py")
    reviewer = Reviewer()
    assert list_codes(reviewer.review(main)) == ["F401", "F821"]
    assert "is not used" in reviewer.problem
    assert [list_codes(found) for _, found in reviewer.review_files([main])] == [["F401", "F821"]]
    assert "is not used" in reviewer.problem


def test_a_configuration_that_ignores_more_than_a_command_line_holds_loses_no_finding(tmp_path: Path) -> None:
    ignored = ["F401", *(f"N{n}" for n in range(60_000))]
    text = f"[tool.ruff.lint]\nignore = {ignored!r}\n"
    (tmp_path / "pyproject.toml").write_text(text)
    settings = Ruff("").settings.resolve(tmp_path / "main.py", everything=False)
    assert "F401" in settings.ignored
    assert sum(map(len, settings.build_arguments())) < 10_000


def test_ruff_that_takes_too_much_memory_with_a_configuration_works_without_it(tmp_path: Path) -> None:
    program = tmp_path / "bin" / "ruff"
    program.parent.mkdir()
    program.write_text(
        f"#!{sys.executable}\nimport sys\nkept = []\n"
        "try:\n    while '--config' in sys.argv and '--show-settings' not in sys.argv: kept.append('x' * 10_000_000)\n"
        "except MemoryError:\n    sys.exit('out of memory')\n"
        "print('[]')\n"
    )
    program.chmod(0o755)
    workspace = tmp_path / "w"
    workspace.mkdir()
    (workspace / "ruff.toml").write_text("line-length = 90\n")
    ruff = Ruff(str(program))
    small = Bounds(seconds=60, memory_bytes=150_000_000, output_bytes=1_000_000)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("agents.reviewer.ruff.ruff._make_bounds", lambda _: small)
        main = make_document(UNUSED, path=workspace / "main.py")
        (workspace / "main.py").write_text(UNUSED)
        assert ruff.check_files([main], ReviewPolicy())[0] == {main.uri: ()}
        assert "takes too much memory" in ruff.check(main, ReviewPolicy()).problem
    (workspace / "ruff.toml").write_text("line-length = 91\n")
    os.utime(workspace / "ruff.toml", (1, 1))
    assert ruff.settings.resolve(workspace / "main.py", everything=False).file == workspace / "ruff.toml"


def test_files_whose_findings_are_too_many_at_once_are_looked_at_in_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("indexing.bounds.RUFF_OUTPUT_BYTES", 4000)
    documents = []
    for n in range(20):
        path = tmp_path / f"m{n}.py"
        path.write_text(UNUSED)
        documents.append(make_document(UNUSED, path=path))
    found, problem = Ruff().check_files(documents, ReviewPolicy())
    assert {list_codes(each)[0] for each in found.values()} == {"F401"}
    assert (len(found), problem) == (20, "")


def test_names_of_many_bytes_fit_a_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / ("木" * 80)
    folder.mkdir()
    documents = []
    for n in range(30):
        path = folder / f"{'林' * 70}{n}.py"
        path.write_text(UNUSED)
        documents.append(make_document(UNUSED, path=path))
    monkeypatch.setattr("agents.reviewer.ruff.ruff._ARGUMENTS_BYTES", 4000)
    found, problem = Ruff().check_files(documents, ReviewPolicy())
    assert (len(found), problem) == (30, "")
    assert all(list_codes(each) == ["F401", "F821"] for each in found.values())


@pytest.mark.parametrize(
    ("script", "problem"),
    [("import time; time.sleep(60)", "did not answer"), ("raise SystemExit(3)", "failed"), (None, "not installed")],
)
def test_without_ruff_the_layer_works_and_says_so_once(tmp_path: Path, script: str | None, problem: str) -> None:
    program = ""
    if script is not None:
        file = tmp_path / "ruff"
        file.write_text(f"#!{sys.executable}\n{script}\n")
        file.chmod(0o755)
        program = str(file)
    reviewer = Reviewer(ReviewPolicy(ruff_timeout_s=0.3), ruff=Ruff(program))
    found = reviewer.review(make_document("import os\n\ndef f(x):\n    return x is x\n", path=tmp_path / "main.py"))
    assert list_codes(found) == ["self-comparison"]
    assert problem in reviewer.problem


def test_the_workspaces_own_configuration_cannot_make_it_write(tmp_path: Path) -> None:
    marked = parse("#- ruff.toml\nfix = true\nunsafe-fixes = true\n#- main.py\n" + UNUSED)
    marked.write(tmp_path)
    files = {path: path.read_bytes() for path in tmp_path.rglob("*")}
    main = make_document(marked.files["main.py"], path=tmp_path / "main.py")
    assert list(Reviewer().review_files([main]))
    assert {path: path.read_bytes() for path in tmp_path.rglob("*")} == files


def test_words_in_quotes_and_modules_of_imports_give_no_finding(tmp_path: Path) -> None:
    text = "from ours import Literal\n\n\ndef f(kind: Literal['commit']) -> None: ...\n"
    assert list_codes(review_workspace(tmp_path, text)) == []
    assert (
        list_codes(review_workspace(tmp_path, "# our names\nfrom shapes import area\nfrom shapes import length\n"))
        == []
    )
