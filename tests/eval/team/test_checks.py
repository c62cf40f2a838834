"""Checks tell a right result from a wrong one, by running and parsing it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.eval.team import checks
from tests.eval.team.task import Edit, Outcome

if TYPE_CHECKING:
    from pathlib import Path

FAULT = Edit("shop/price.py", "* 2", "* 3")
TESTS = "tests/test_price.py"


def write_shop(root: Path, code: str = "def double(x):\n    return x * 2\n", test: str = "") -> Outcome:
    """Write a package of one function, and a test if one is given; return the outcome with what fails in it."""
    (root / "shop").mkdir(exist_ok=True)
    (root / "shop" / "price.py").write_text(code)
    if test:
        (root / "tests").mkdir(exist_ok=True)
        (root / TESTS).write_text(test)
    return Outcome(root, "", checks.find_failures(root))


def test_a_survey_names_modules_and_tests_that_fail(tmp_path: Path) -> None:
    test = (
        "from shop.price import double\ndef test_one(): assert double(1) == 2\ndef test_two(): assert double(2) == 5\n"
    )
    assert write_shop(tmp_path, test=test).failed == ("tests.test_price.test_two: AssertionError",)
    assert write_shop(tmp_path, "def double(x:\n").failed[0] == "shop.price: SyntaxError"


def test_a_survey_runs_classes_and_parametrized_tests(tmp_path: Path) -> None:
    test = (
        "import unittest, pytest\n"
        "class CaseTest(unittest.TestCase):\n    def test_case(self): self.assertEqual(1, 2)\n"
        "class TestPlain:\n    def test_method(self): assert False\n"
        "@pytest.mark.parametrize('a, b', [(1, 1), (1, 2)])\ndef test_pairs(a, b): assert a == b\n"
        "@pytest.mark.parametrize('a', [1, pytest.param(2)])\ndef test_single(a): assert a\n"
    )
    failed = [one.partition(":")[0].removeprefix("tests.test_price.") for one in write_shop(tmp_path, test=test).failed]
    assert failed == ["CaseTest.test_case", "TestPlain.test_method", "test_pairs"]


def test_a_name_is_renamed_once_no_code_uses_it(tmp_path: Path) -> None:
    check = checks.make_rename_check("double", "twice", "from shop.price import twice\nassert twice(2) == 4")
    assert check(write_shop(tmp_path)) == "shop/price.py uses double in line 1."
    assert "NameError" in check(write_shop(tmp_path, "def twice(x):\n    return y * 2\n"))
    assert "uses double in line 3" in check(
        write_shop(tmp_path, "def twice(x):\n    return x * 2\n__all__ = ['double']\n")
    )
    assert check(write_shop(tmp_path, "def twice(x):  # once double\n    return x * 2\n")) == ""


def test_a_repair_leaves_the_test_as_it_is(tmp_path: Path) -> None:
    test = "from shop.price import double\ndef test_it(): assert double(2) == 4\n"
    check = checks.make_repair_check("from shop.price import double\nassert double(3) == 6", test)
    assert "test_it" in check(write_shop(tmp_path, "def double(x):\n    return 6 if x == 3 else 0\n", test))
    assert check(write_shop(tmp_path, "def double(x):\n    return 4\n", test)) == "AssertionError"
    assert check(write_shop(tmp_path, test="def test_it(): pass\n")) == "The test itself was changed."
    assert check(write_shop(tmp_path, test=test)) == ""


def test_a_test_has_to_fail_on_the_faulted_code(tmp_path: Path) -> None:
    check = checks.make_test_check(TESTS, FAULT)
    start = "from shop.price import double\n"
    assert check(write_shop(tmp_path)) == f"There is no {TESTS}."
    assert "no test was found" in check(write_shop(tmp_path, test=f"{start}assert double(2) == 4\n"))
    assert "right code" in check(write_shop(tmp_path, test=f"{start}def test_it(): assert double(2) == 5\n"))
    assert "passes on the faulted" in check(write_shop(tmp_path, test=f"{start}def test_it(): assert double(0) == 0\n"))
    good = write_shop(tmp_path, test=f"{start}def test_it(): assert double(2) == 4\n")
    assert check(good) == ""
    assert check(write_shop(tmp_path, "def double(x):\n    return x + x\n")) == "The tested code was changed."


def test_an_answer_has_to_name_all_facts() -> None:
    check = checks.make_fact_check("fffd|replacement", "bytes")
    assert "bytes" in check(Outcome(checks.Path(), "A replacement character."))
    assert check(Outcome(checks.Path(), "Bytes become U+FFFD.")) == ""


def test_an_answer_has_to_name_file_and_line_and_not_guess(tmp_path: Path) -> None:
    root = write_shop(tmp_path).root
    check = checks.make_place_check("shop/price.py", "return x")
    assert check(Outcome(root, "It is in shop/price.py, line 2.")) == ""
    assert check(Outcome(root, "shop/price.py:2")) == ""
    assert "does not name" in check(Outcome(root, "shop/price.py, line 12 of version 2.0.1"))
    assert "does not name" in check(Outcome(root, "Line 2."))
    assert "too many" in check(Outcome(root, "shop/price.py, in line 1, 2, 3, 4, 5 or 6"))
