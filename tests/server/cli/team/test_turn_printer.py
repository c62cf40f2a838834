"""A turn as the terminal shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agents.team.events import AgentChosen, CallEnded, CallStarted, Noted, PlanChanged, TextArrived
from server.cli.team.turn_printer import TurnPrinter

if TYPE_CHECKING:
    import pytest


def test_text_goes_to_stdout_and_everything_else_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    printer = TurnPrinter(writes_text=True)
    printer.show(AgentChosen("coder", "you named it"))
    for piece in ("\n", "I look", " first.\x1b"):
        printer.show(TextArrived("coder", piece))
    printer.show(CallStarted("coder", "1", "read_file", "Read a.py"))
    printer.show(CallEnded("coder", "1", "read_file", "1  x = 1", failed=False, seconds=0.1))
    printer.show(CallStarted("coder", "2", "read_file", "Read b.py"))
    printer.show(CallEnded("coder", "2", "read_file", "There is no b.py.\nLook.", failed=True, seconds=0.1))
    printer.show(Noted("A note."))
    printer.show(TextArrived("coder", "Done."))
    printer.end("Done.")
    shown = capsys.readouterr()
    assert shown.out == "I look first.\\x1b\n\nDone.\n"
    assert shown.err == "coder (you named it)\n  · Read a.py\n  · Read b.py\n    There is no b.py.\n  A note.\n"


def test_an_answer_that_did_not_stream_is_written_at_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    printer = TurnPrinter(writes_text=True)
    printer.show(TextArrived("coder", "I look."))
    printer.end("It is done.")
    assert capsys.readouterr().out == "I look.\n\nIt is done.\n"


def test_an_answer_is_written_once_even_if_a_note_follows(capsys: pytest.CaptureFixture[str]) -> None:
    printer = TurnPrinter(writes_text=True)
    printer.show(TextArrived("coder", "It is done."))
    printer.show(Noted("A note."))
    printer.end("It is done.")
    assert capsys.readouterr().out == "It is done.\n"


def test_only_what_the_check_adds_is_written_below_an_answer(capsys: pytest.CaptureFixture[str]) -> None:
    printer = TurnPrinter(writes_text=True)
    printer.show(TextArrived("coder", "It is done.\n\nLook at `a.py`."))
    printer.show(Noted("2 problems are left."))
    printer.end("It is done.\n\nLook at `a.py`.\n\nNot fixed: a.py:1.")
    assert capsys.readouterr().out == "It is done.\n\nLook at `a.py`.\n\nNot fixed: a.py:1.\n"


def test_an_answer_after_the_check_is_a_paragraph_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    printer = TurnPrinter(writes_text=True)
    printer.show(TextArrived("coder", "It is done."))
    printer.show(Noted("The check of the changes found 1 problem; the agent is told."))
    printer.show(TextArrived("coder", "Fixed."))
    printer.end("Fixed.")
    assert capsys.readouterr().out == "It is done.\n\nFixed.\n"


def test_without_text_only_the_steps_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    printer = TurnPrinter(writes_text=False)
    printer.show(TextArrived("coder", "It is done."))
    printer.show(CallStarted("coder", "1", "run_tests", "Run the tests"))
    printer.show(CallEnded("coder", "1", "run_tests", "[2 passed] pytest\nmore", failed=False, seconds=0.1))
    printer.end("It is done.")
    assert capsys.readouterr() == ("", "  · Run the tests\n    [2 passed] pytest\n")


def test_of_a_plan_that_goes_on_only_changed_steps_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    printer = TurnPrinter(writes_text=True)
    printer.show(CallStarted("coder", "1", "plan", "Plan 2 steps"))
    printer.show(PlanChanged((("Look", "active"), ("Change", "open"))))
    printer.show(PlanChanged((("Look", "done"), ("Change", "open"))))
    printer.show(PlanChanged((("Look", "done"),)))
    assert capsys.readouterr().err == "  [>] Look\n  [ ] Change\n  [x] Look\n  [x] Look\n"
