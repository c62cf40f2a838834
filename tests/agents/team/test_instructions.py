"""The text before an agent's conversation: role, rules, mode, what can be loaded and asked, plan and facts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agents.team.instructions import PLAN, REMEMBERED, RULES, append_memories, build_instructions
from agents.team.permissions.modes import Mode
from agents.team.role_files import load_roles
from agents.team.session_notes import PlanStep, SessionNotes, StepStatus

if TYPE_CHECKING:
    from pathlib import Path

CODER = load_roles().by_name["coder"]


def test_role_and_rules_come_first_and_the_mode_is_said(tmp_path: Path) -> None:
    text = build_instructions(CODER, SessionNotes(), Mode.ACT, (tmp_path,), set())
    assert text.startswith(f"{CODER.prompt}\n\n{RULES}\n\nWorkspace folders: {tmp_path.name}.")
    assert PLAN not in text
    assert PLAN in build_instructions(CODER, SessionNotes(), Mode.PLAN, (tmp_path,), set())
    assert str(tmp_path) not in text, "the path of the home folder is nobody's business"


def test_only_sets_that_are_not_loaded_yet_are_offered() -> None:
    text = build_instructions(CODER, SessionNotes(), Mode.ACT, (), {"engineering"})
    assert "can load with `need`: diagnose, mcp." in text
    assert "`need`:" not in build_instructions(CODER, SessionNotes(), Mode.ACT, (), set(CODER.capabilities))
    assert "delegate to with `delegate`: ask, tester, reviewer." in text
    assert "Workspace folders: none." in text
    ask = load_roles().by_name["ask"]
    text = build_instructions(ask, SessionNotes(), Mode.ACT, (), set())
    assert "`need`:" not in text
    assert "`delegate`:" not in text


def test_plan_and_facts_are_there_each_time() -> None:
    notes = SessionNotes(plan=(PlanStep("Read it", StepStatus.DONE), PlanStep("Change it", role="coder")))
    notes.remember("port", "8080")
    text = build_instructions(CODER, notes, Mode.ACT, (), set())
    assert text.endswith("Plan:\n[x] Read it\n[ ] Change it (coder)\n\nRemembered:\n- port: 8080")


def test_memories_come_last_and_are_called_data() -> None:
    assert append_memories("Be brief.", ()) == "Be brief."
    assert append_memories("Be brief.", ("- a: b", "- c: d")) == f"Be brief.\n\n{REMEMBERED}\n- a: b\n- c: d"
