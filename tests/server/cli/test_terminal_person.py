"""Questions of agents at the terminal."""

from __future__ import annotations

import io

import pytest

from server.cli.terminal_asker import TerminalAsker
from server.cli.terminal_person import TerminalPerson


class Screen(io.StringIO):
    """A stream that is a terminal."""

    def isatty(self) -> bool:
        return True


def open_screen(monkeypatch: pytest.MonkeyPatch) -> Screen:
    """Make stderr a terminal for the rest of a test, and return it."""
    shown = Screen()
    monkeypatch.setattr("sys.stderr", shown)
    monkeypatch.setattr("server.cli.terminal_asker.termios", None)
    return shown


@pytest.mark.parametrize(
    ("entered", "answer"), [("2\n", "feet"), ("METRES\n", "metres"), ("3\nno\nfeet\n", "feet"), ("\n", None)]
)
async def test_a_choice_is_made_by_its_number_or_its_name(
    monkeypatch: pytest.MonkeyPatch, entered: str, answer: str | None
) -> None:
    screen = open_screen(monkeypatch)
    person = TerminalPerson(TerminalAsker(entered=Screen(entered)))
    assert await person.ask("Which \x1bunit?", ("metres", "feet")) == answer
    assert screen.getvalue().count("This is none of the choices; ") == entered.count("\n") - 1
    assert screen.getvalue().startswith(
        "Which \\x1bunit?\n  1: metres\n  2: feet\n[a number or its text; empty: no answer] "
    )


async def test_a_question_without_choices_takes_any_text(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = open_screen(monkeypatch)
    person = TerminalPerson(TerminalAsker(entered=Screen("the blue one\n\n")))
    assert await person.ask("Which colour?") == "the blue one"
    assert await person.ask("And which shade?") is None
    assert screen.getvalue().count("[your answer; empty: none] ") == 2


async def test_nobody_is_asked_without_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = open_screen(monkeypatch)
    assert await TerminalPerson(TerminalAsker(entered=io.StringIO("yes\n"))).ask("Really?") is None
    assert not screen.getvalue()
