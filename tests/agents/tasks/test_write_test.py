"""Tests that the task writes: their place, their framework, and that they test something."""

from __future__ import annotations

import pytest

from agents.edits import CreateFile, ProposedEdit, TextChange
from agents.tasks.task import TestRun
from models.scripted.scripted_completion import ScriptedModel
from tests.agents.doubles import ROOT
from tests.agents.tasks.scenes import find_offer, get_refusal, make_scene, run_task

ADD = "def add(a, b):\n    $0return a + b\n"
SAYS = {"": "assert add(1, 2) == 3", "assert add(": "1, 2) == 3"}


def write_test_file(fixture: str, name: str = "main.py", says: dict[str, str] | None = None) -> tuple[str, str]:
    """Run the task, and return the path and the text of the test file."""
    scene, workplace = make_scene(fixture, name)
    result = run_task("test", scene, workplace, says or SAYS)
    assert isinstance(result, ProposedEdit), result
    (change,) = result.changes
    assert isinstance(change, TextChange | CreateFile)
    assert change.path is not None
    text = change.after if isinstance(change, TextChange) else change.text
    return change.path.relative_to(ROOT).as_posix(), text


def test_a_first_test_begins_a_file_in_tests() -> None:
    body = "from shapes.flat import add\n\n\ndef test_add():\n    assert add(1, 2) == 3\n"
    assert write_test_file(f"#- src/shapes/flat.py\n{ADD}") == ("tests/test_flat.py", body)


def test_it_goes_to_the_end_of_the_file_there_is() -> None:
    fixture = f"#- main.py\n{ADD}#- unit/main_test.py\nimport os\n\n\ndef test_sub():\n    pass\n"
    path, text = write_test_file(fixture)
    assert path == "unit/main_test.py"
    test = "def test_add():\n    assert add(1, 2) == 3\n"
    assert text == f"import os\nfrom main import add\n\n\ndef test_sub():\n    pass\n\n\n{test}"


def test_folder_and_naming_are_those_of_the_other_tests() -> None:
    fixture = f"#- pkg/a/main.py\n{ADD}#- test/a/b_test.py\n#\n#- test/c_test.py\n#\n"
    assert write_test_file(fixture)[0] == "test/a/main_test.py"


def test_unittest_is_kept() -> None:
    fixture = f"#- main.py\n{ADD}#- tests/test_b.py\nimport unittest\n"
    path, text = write_test_file(fixture, says={"": "self.assertEqual(add(1, 2), 3)"})
    assert path == "tests/test_main.py"
    assert text.startswith(
        "import unittest\n\nfrom main import add\n\n\nclass AddTest(unittest.TestCase):\n    def test_add("
    )


@pytest.mark.parametrize(
    ("files", "path", "head"),
    [
        ("", "a.test.js", 'import assert from "node:assert";\nimport { test } from "node:test";\nimport { add }'),
        ('#- package.json\n{"jest": "1"}\n', "a.test.js", 'import { add } from "./a";\n\n\ntest("add", () => {\n  '),
        ("#- __tests__/b.spec.js\n//\n", "__tests__/a.spec.js", 'import assert from "node:assert";'),
    ],
)  # fmt: skip
def test_javascript_goes_by_package_and_neighbours(files: str, path: str, head: str) -> None:
    fixture = "#- a.js\nexport function add(a, b) {\n  $0return a + b;\n}\n" + files
    says = {"": "expect(add(1, 2)).toBe(3);"} if "jest" in files else {"": "assert.strictEqual(add(1, 2), 3);"}
    found, text = write_test_file(fixture, says=says)
    assert (found, text[: len(head)]) == (path, head)


def test_go_and_rust_have_their_own_places() -> None:
    go = "#- a.go\npackage sums\n\nfunc Add(a int, b int) int {\n\treturn $0a + b\n}\n"
    says = {"": 'if Add(1, 2) != 3 {\n\t\tt.Error("no")\n\t}'}
    path, text = write_test_file(go, says=says)
    assert path == "a_test.go"
    assert text.startswith('package sums\n\nimport "testing"\n\nfunc TestAdd(t *testing.T) {\n\tif Add(1, 2) != 3 {')
    rust = "#- a.rs\nfn add(a: i32, b: i32) -> i32 {\n    $0a + b\n}\n"
    path, text = write_test_file(rust, says={"": "assert_eq!(add(1, 2), 3);"})
    assert path == "a.rs"
    assert (
        "#[cfg(test)]\nmod add_tests {\n    use super::*;\n\n    #[test]\n    fn add_works() {\n        assert_eq!"
        in text
    )


@pytest.mark.parametrize("says", ["pass", "add(1, 2)", "assert True", "assert add((1, 2", ""])
def test_code_that_calls_nothing_asserts_nothing_or_does_not_parse_is_no_test(says: str) -> None:
    assert "The model found no test of `add`" in get_refusal("test", ADD, {"": says, "assert add(": "\n"})


def test_the_model_sees_the_function_right_above() -> None:
    scene, workplace = make_scene(ADD)
    model = ScriptedModel(SAYS)
    run_task("test", scene, workplace, model)
    assert model.requests[0].prefix == "def add(a, b):\n    return a + b\n\n\ndef test_add():\n    "


def test_of_several_the_one_that_passes_is_proposed() -> None:
    scene, workplace = make_scene(ADD)
    workplace.runs = (TestRun(ran=True, failed=1, output="assert 3 == 4"), TestRun(ran=True, passed=1))
    model = ScriptedModel({"": "assert add(1, 2) == 4"}, alternatives={"": ("assert add(1, 2) == 3",)})
    result = run_task("test", scene, workplace, model)
    assert isinstance(result, ProposedEdit)
    assert "== 3" in result.changes[0].text  # type: ignore[union-attr]
    assert result.notes == ("1 test passed.",)
    assert len(workplace.ran) == 1  # a person is asked once, whatever their number


def test_a_test_that_fails_is_proposed_with_what_it_said() -> None:
    scene, workplace = make_scene(ADD)
    workplace.runs = (TestRun(ran=True, failed=1, output="assert 3 == 4"),)
    result = run_task("test", scene, workplace, {"": "assert add(1, 2) == 4", "assert add(": ""})
    assert result.notes == ("1 test failed, 0 passed: assert 3 == 4",)  # type: ignore[union-attr]


def test_a_run_that_was_not_permitted_is_noted() -> None:
    scene, workplace = make_scene(ADD)
    (note,) = run_task("test", scene, workplace, SAYS).notes  # type: ignore[union-attr]
    assert note.startswith("The tests were not run")


@pytest.mark.parametrize(
    ("name", "fixture"),
    [
        ("test_main.py", ADD),
        ("main.py", "def add(a, b):\n    $0pass\n"),
        ("main.py", "x = $01\n"),
        ("a.txt", "x$0"),
    ],
)
def test_tests_and_stubs_are_not_tested(name: str, fixture: str) -> None:
    assert find_offer("test", fixture, name) is None
