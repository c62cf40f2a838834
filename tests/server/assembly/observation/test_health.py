"""The health of a process: each part with its state and a sentence, whatever is broken."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from agents.ports.failures import StateError
from indexing.records import IndexStatus
from server.assembly.observation import switching
from server.assembly.observation.health import check_core, check_record, check_server, describe
from server.assembly.observation.sources import SOURCES
from server.state.gate_records import GateRecords

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.assembly.core import Core


def make_core(index: IndexStatus, model_problem: str = "", **other: Any) -> Core:
    """Return as much of a core as is checked."""
    model = SimpleNamespace(problem=model_problem, state="ready", entry=SimpleNamespace(name="mini"))
    parts = {"problems": (), "model": model, "chats": SimpleNamespace(by_role={}), **other}
    return cast("Core", SimpleNamespace(index=SimpleNamespace(read_status=lambda: index), **parts))


class Held:
    """A session with a core."""

    def __init__(self, core: Core | None) -> None:
        self.core = core

    def find_core(self) -> Core | None:
        return self.core

    def count_findings(self) -> dict[str, int]:
        return {}


@pytest.fixture
def hold() -> Iterator[Any]:
    """Yield a function that adds sessions with the given cores; remove them at the end."""
    held: list[Held] = []

    def add(*cores: Core | None) -> None:
        for core in cores:
            held.append(Held(core))
            SOURCES.add(held[-1])

    yield add
    for one in held:
        SOURCES.remove(one)


def test_parts_that_work_are_ok_with_a_sentence() -> None:
    checks = check_core(make_core(IndexStatus("ready", files=12)))
    assert [(one.part, one.ok) for one in checks] == [
        ("settings", True), ("index", True), ("model", True), ("chat", True),
    ]  # fmt: skip
    assert all(one.message.endswith(".") for one in checks)


def test_each_broken_part_is_degraded_and_says_why() -> None:
    core = make_core(IndexStatus("failed", problem="The index is damaged."), "It does not load.", problems=("Wrong.",))
    found = {one.part: one for one in check_core(core)}
    assert {part for part, one in found.items() if not one.ok} == {"settings", "index", "model"}
    assert [found[part].message for part in ("settings", "index", "model")] == [
        "Wrong.", "The index is damaged.", "It does not load.",
    ]  # fmt: skip


def test_of_several_sessions_the_broken_part_is_shown(hold: Any) -> None:
    hold(make_core(IndexStatus("ready")), make_core(IndexStatus("failed", problem="Gone.")), None)
    found = {one.part: one for one in check_server()}
    assert (found["index"].ok, found["index"].message) == (False, "Gone.")
    assert describe(check_server())["sessions"] == 3


def test_without_a_session_the_state_is_checked_alone() -> None:
    assert [(one.part, one.ok) for one in check_server()] == [("record", True)]
    page = switching.make_health_page()
    assert page.status == "200 OK"
    assert json.loads(page.text)["parts"]["record"]["status"] == "ok"


def test_a_state_that_cannot_be_written_makes_the_page_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: GateRecords) -> None:
        raise StateError("The disk is full.")

    monkeypatch.setattr(GateRecords, "check", fail)
    page = switching.make_health_page()
    assert page.status.startswith("503 ")
    told = json.loads(page.text)
    assert (told["status"], told["parts"]["record"]["status"]) == ("degraded", "degraded")
    assert told["parts"]["record"]["message"] == "No file can be changed. The disk is full."


def test_a_record_of_an_open_gate_is_asked_itself() -> None:
    assert check_record(lambda: "The disk is full.").message == "No file can be changed. The disk is full."
    assert check_record(lambda: "").ok
