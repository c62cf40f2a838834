from __future__ import annotations

import pytest

from tests.eval import programs

FILES = sorted(programs.FOLDER.glob("[a-z]*.py"))


def count_failures(source: str) -> int:
    """Return the number of examples that do not hold."""
    names: dict[str, object] = {}
    exec(compile(source, "program", "exec"), names)  # noqa: S102 - our own programs
    wrong = 0
    for function, arguments, expected in names["EXAMPLES"]:  # type: ignore[attr-defined]
        try:
            wrong += function(*arguments) != expected
        except (ArithmeticError, LookupError, TypeError, RecursionError):
            wrong += 1
    return wrong


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_program_is_right_and_its_slip_is_wrong(path: programs.Path) -> None:
    source = path.read_text()
    assert count_failures(source) == 0
    assert count_failures(programs.apply_slip(source)) > 0


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_slip_is_one_line_of_the_normalised_program(path: programs.Path) -> None:
    program = programs.read_program(path)
    assert program.right.split("\n")[program.line - 1] != program.wrong.split("\n")[program.line - 1]
    assert "bug" not in program.wrong
