"""The tools of work itself: `plan`, `need`, `delegate`, `ask_person`, `remember` and `recall`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agents.team.events import PlanChanged
from agents.team.session_notes import MOST_FACTS, SessionNotes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.agents.team.bench import TeamBench


async def test_a_plan_is_kept_in_the_notes_and_shown(bench: TeamBench) -> None:
    notes = bench.options["notes"] = SessionNotes()
    steps = [{"title": "Read it", "status": "done"}, {"title": "Change it", "role": "coder"}]
    text, _ = await bench.call("plan", steps=steps)
    assert text == notes.describe() == "Plan:\n[x] Read it\n[ ] Change it (coder)"
    assert PlanChanged((("Read it", "done"), ("Change it", "open"))) in bench.events


async def test_a_capability_set_is_loaded_only_if_the_role_may_have_it(bench: TeamBench) -> None:
    loaded: set[str] = set()
    bench.options |= {"loaded": loaded, "capabilities": ("engineering",)}
    (bench.root / "a.py").write_text("a = 1\n")
    arguments = {"path": "a.py", "replacements": [{"old": "1", "new": "2"}]}
    text, failed = await bench.call("edit_file", **arguments)
    assert (failed, "load it with `need` first" in text) == (True, True)
    assert (await bench.call("need", capability="deploy"))[1]
    assert await bench.call("need", capability="engineering") == ("The tools of engineering are there now.", False)
    assert not (await bench.call("edit_file", **arguments))[1]


async def test_a_person_is_asked_and_where_nobody_is_the_agent_is_told_so(bench: TeamBench) -> None:
    class Person:
        """Answers with the last choice."""

        async def ask(self, question: str, choices: Sequence[str] = ()) -> str | None:
            """Return the last choice."""
            return choices[-1] if question else None

    assert (await bench.call("ask_person", question="Which?"))[1]
    bench.options["person"] = Person()
    assert await bench.call("ask_person", question="Which?", choices=["a", "b"]) == ("The person says: b", False)


async def test_a_fact_is_recalled_by_its_words_and_the_oldest_are_evicted(bench: TeamBench) -> None:
    notes = bench.options["notes"] = SessionNotes()
    await bench.call("remember", key="port", text="The server listens on 8080.")
    assert (await bench.call("recall", words="server 8080"))[0] == "port: The server listens on 8080."
    assert (await bench.call("recall", words="client"))[0] == "[nothing is remembered about that]"
    for at in range(MOST_FACTS):
        notes.remember(f"k{at}", "x")
    assert "port" not in notes.facts


async def test_there_is_nobody_to_delegate_to_without_a_team(bench: TeamBench) -> None:
    assert "nobody to delegate to" in (await bench.call("delegate", role="tester", task="Test it."))[0]
