"""One turn of an agent with a scripted model: its order, its limits, and how it ends."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import TYPE_CHECKING, Any

import pytest

from agents.team.events import CallEnded, CallStarted, Noted, TextArrived, TurnStatus
from agents.team.run_records import RecordedChat, ReplayedChat, RunRecorder
from agents.team.tool import ToolResult
from agents.team.turn import loop
from models.chat import Speaker

if TYPE_CHECKING:
    from agents.team import events
    from agents.team.turn.calls import PreparedCall
    from tests.agents.team.bench import TeamBench

FILES = """
#- area.py
def area(r):
    return 3.14 * r * r
#- main.py
from area import area
"""


async def test_an_answer_without_calls_is_the_end(bench: TeamBench) -> None:
    ended = await bench.run("===\nIt computes an area.\n")
    assert (ended.status, ended.text, ended.steps) == (TurnStatus.DONE, "It computes an area.", 1)
    assert "".join(one.text for one in bench.events if isinstance(one, TextArrived)) == "It computes an area."


async def test_the_result_of_a_call_goes_back_to_the_model(bench: TeamBench) -> None:
    bench.write(FILES)
    ended = await bench.run('===\n@times 1\n@call read_file {"path": "area.py"}\n=== 3.14\nIt uses 3.14.\n')
    assert (ended.status, ended.text) == (TurnStatus.DONE, "It uses 3.14.")
    assert bench.results() == ["1  def area(r):\n2      return 3.14 * r * r"]
    first, second = (one for one in bench.events if isinstance(one, CallStarted | CallEnded))
    assert isinstance(first, CallStarted)
    assert isinstance(second, CallEnded)
    assert (first.title, second.failed, first.call == second.call) == ("Read area.py", False, True)


async def test_an_edit_is_proposed_and_finish_ends_the_turn(bench: TeamBench) -> None:
    bench.write(FILES)
    edit = json.dumps({"path": "area.py", "replacements": [{"old": "3.14", "new": "math.pi"}], "why": "It is exact."})
    ended = await bench.run(f'===\n@times 1\n@call edit_file {edit}\n===\n@call finish {{"answer": "Done."}}\n')
    assert (ended.status, ended.text) == (TurnStatus.DONE, "Done.")
    assert bench.read("area.py") == "def area(r):\n    return math.pi * r * r\n"
    (proposal,) = bench.gate.proposals
    assert (proposal.title, proposal.why) == ("Edit area.py", "It is exact.")


@pytest.mark.parametrize(("call", "said"), [
    ("red_file {}", "did you mean read_file?"),
    ("read_file {}", "path: Field required"),
    ('read_file {"path": 3}', "should be a valid string"),
    ('read_file {"path": "area.py", "nonsense": 1}', "Extra inputs are not permitted"),
    ('read_file {"path": "../outside.py"}', "outside of the workspace"),
    ('read_file {"path": "/etc/passwd"}', "outside of the workspace"),
    ('read_file {"path": "secret.py"}', "is excluded"),
    ('read_file {"path": "missing.py"}', "does not exist"),
    ('read_file {"path": "area.py", "first": 99}', "has only 2 lines"),
])  # fmt: skip
async def test_an_error_of_the_model_goes_back_to_it(call: str, said: str, bench: TeamBench) -> None:
    bench.write(FILES + "#- secret.py\nKEY = 1\n")
    ended = await bench.run(f"===\n@times 1\n@call {call}\n===\nI see.\n")
    assert (ended.status, ended.text) == (TurnStatus.DONE, "I see.")
    assert said in bench.results()[0]


async def test_a_link_that_leads_outside_is_not_followed(bench: TeamBench) -> None:
    (bench.root.parent / "outside.py").write_text("x = 1\n")
    (bench.root / "inside.py").symlink_to(bench.root.parent / "outside.py")
    assert "outside of the workspace" in (await bench.call("read_file", path="inside.py"))[0]


async def test_a_rejection_tells_the_model_why(bench: TeamBench) -> None:
    bench.write(FILES)
    bench.gate.answer, bench.gate.reason = False, "The person said no: keep 3.14."
    edit = json.dumps({"path": "area.py", "replacements": [{"old": "3.14", "new": "3"}]})
    await bench.run(f"===\n@times 1\n@call edit_file {edit}\n===\nWell.\n")
    assert bench.results() == ["The person said no: keep 3.14."]
    assert bench.read("area.py").count("3.14") == 1


@pytest.mark.parametrize(("limits", "said"), [
    ({"steps": 3}, "after 3 steps"), ({"tokens": 100}, "tokens, its limit"), ({"seconds": 0.0}, "seconds, its limit"),
])  # fmt: skip
async def test_each_limit_ends_the_turn_with_a_sentence(limits: dict[str, Any], said: str, bench: TeamBench) -> None:
    bench.write(FILES)
    script = "".join(
        f'===\n@times 1\n@call read_file {{"path": "area.py", "first": {1 + at % 2}}}\n' for at in range(50)
    )
    ended = await bench.run(script, **limits)
    assert ended.status is TurnStatus.LIMIT
    assert said in ended.text


@pytest.mark.parametrize("period", [1, 2, 3])
async def test_a_cycle_of_calls_with_equal_results_is_told_once_and_then_ends_the_turn(
    period: int, bench: TeamBench
) -> None:
    bench.write(FILES + "#- b.py\n\n#- c.py\n\n")
    names = ["area.py", "b.py", "c.py"][:period]
    script = "".join(f'===\n@times 1\n@call read_file {{"path": "{name}"}}\n' for _ in range(10) for name in names)
    ended = await bench.run(script)
    assert ended.status is TurnStatus.REPEATED
    assert ended.steps == 6 * period
    assert sum(isinstance(one, Noted) for one in bench.events) == 1


async def test_equal_calls_with_new_results_are_no_repetition(bench: TeamBench) -> None:
    count = 0

    bench.write(FILES)

    def change(event: events.Event) -> None:
        nonlocal count
        if isinstance(event, CallEnded):
            count += 1
            (bench.root / "area.py").write_text(f"count = {count}\n")

    bench.options["emit"] = change
    script = '===\n@times 12\n@call read_file {"path": "area.py"}\n===\nIt is done.\n'
    ended = await bench.run(script)
    assert (ended.status, ended.steps) == (TurnStatus.DONE, 13)


async def test_independent_reads_run_at_once_and_keep_their_order(
    bench: TeamBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.write(FILES)
    running, most = 0, 0

    async def run_call(call: PreparedCall, *_: object) -> ToolResult:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.01)
        running -= 1
        return ToolResult(str(call.call.arguments))

    monkeypatch.setattr(loop.calls, "run_call", run_call)
    calls = "".join(f'@call read_file {{"path": "area.py", "first": {at}}}\n' for at in range(1, 7))
    await bench.run(f"===\n@times 1\n{calls}===\nWell.\n")
    assert most == 4
    assert [f"'first': {at}" in one for at, one in enumerate(bench.results(), 1)] == [True] * 6


async def test_cancelling_ends_the_turn_and_every_call_has_a_result(bench: TeamBench) -> None:
    cancelled = threading.Event()
    bench.options["cancelled"] = cancelled.is_set
    bench.write(FILES)

    def cancel(event: events.Event) -> None:
        if isinstance(event, CallStarted):
            cancelled.set()

    bench.options["emit"] = cancel
    edit = json.dumps({"path": "area.py", "replacements": [{"old": "a", "new": "b"}]})
    calls = f'@call read_file {{"path": "area.py"}}\n@call edit_file {edit}\n'
    ended = await bench.run(f"===\n{calls}")
    assert ended.status is TurnStatus.CANCELLED
    assert len(bench.results()) == 2
    assert bench.gate.proposals == []


async def test_a_model_that_does_not_answer_ends_the_turn_with_its_message(bench: TeamBench) -> None:
    ended = await bench.run("===\n@status 401\n")
    assert ended.status is TurnStatus.FAILED
    assert "401" in ended.text or "key" in ended.text


async def test_a_tool_that_breaks_is_a_result(bench: TeamBench) -> None:
    bench.write(FILES)

    def list_files() -> list[object]:
        raise RuntimeError("broken")

    bench.options["list_files"] = list_files
    text, failed = await bench.call("list_files")
    assert (text, failed) == ("list_files failed (RuntimeError); try another way.", True)


async def test_old_output_is_dropped_first_and_the_request_stays(bench: TeamBench) -> None:
    bench.write("#- big.py\n" + "value = 1\n" * 390)
    reads = "".join(f'===\n@times 1\n@call read_file {{"path": "big.py", "first": {at}}}\n' for at in range(1, 9))
    ended = await bench.run(reads + "===\nWell.\n", "Count the values in big.py.", window=16_384, answer_tokens=200)
    assert ended.status is TurnStatus.DONE
    first, *_ = bench.conversation.messages
    assert first.text == "Count the values in big.py."
    assert sum(text.startswith("[output of an earlier call") for text in bench.results()) >= 1
    assert all(
        bench.chat.count_tokens("\n".join(one.text for one in request.messages)) < 16_384
        for request in bench.chat.requests
    )


async def test_a_long_middle_is_summarised_by_the_model(bench: TeamBench) -> None:
    talk = "".join(
        f'===\n@times 1\n@call read_file {{"path": "a.py", "first": {at}}}\n{"word " * 300}\n' for at in range(1, 20)
    )
    bench.write("#- a.py\n" + "\n".join(f"a{at} = 1" for at in range(30)))
    script = f"=== Summarise the conversation above\nIt was about a.py.\n{talk}===\nWell.\n"
    ended = await bench.run(script, window=4000, answer_tokens=100)
    assert ended.status is TurnStatus.DONE
    assert any("It was about a.py." in one.text for one in bench.conversation.messages)
    assert bench.conversation.messages[0].text == "go"
    for before, message in zip(bench.conversation.messages, bench.conversation.messages[1:], strict=False):
        assert message.speaker is not Speaker.TOOL or before.speaker in {Speaker.TOOL, Speaker.ASSISTANT}


async def test_a_recorded_turn_replays_exactly(bench: TeamBench) -> None:
    bench.write(FILES)
    lines: list[str] = []
    recorder = RunRecorder(lines.append)
    script = '===\n@times 1\n@call read_file {"path": "area.py"}\n=== 3.14\nIt uses 3.14.\n'
    made = bench.make_agent(script)
    ended = await bench.run_agent(made, RecordedChat(bench.chat, recorder))
    events_then = [one for one in bench.events if not isinstance(one, TextArrived)]
    bench.events.clear()
    replayed = ReplayedChat(lines, bench.chat.count_tokens, 16_384)
    again = await bench.run_agent(made, replayed)
    assert (again.status, again.text, again.tokens) == (ended.status, ended.text, ended.tokens)
    assert [type(one) for one in bench.events if not isinstance(one, TextArrived)] == [type(one) for one in events_then]
    (bench.root / "area.py").write_text("changed = 1\n")
    differs = await bench.run_agent(made, ReplayedChat(lines, bench.chat.count_tokens, 16_384))
    assert (differs.status, "differs from the recorded one" in differs.text) == (TurnStatus.FAILED, True)


async def test_a_cancelled_answer_is_kept_and_its_calls_get_results(bench: TeamBench) -> None:
    cancelled = threading.Event()
    bench.options["cancelled"] = cancelled.is_set

    def cancel(event: events.Event) -> None:
        if isinstance(event, TextArrived):
            cancelled.set()

    bench.options["emit"] = cancel
    ended = await bench.run("===\n@token-time 0.01\none two three four five six seven\n")
    assert ended.status is TurnStatus.CANCELLED
    assert bench.conversation.messages[-1].text.startswith("one")
    assert bench.conversation.messages[-1].text != "one two three four five six seven"


@pytest.mark.parametrize("first", ["", "@malformed\n", "   \n"])
async def test_an_answer_that_is_empty_or_cannot_be_read_is_asked_for_once_more(first: str, bench: TeamBench) -> None:
    ended = await bench.run(f"===\n@times 1\n{first}===\nHere it is.\n")
    assert (ended.status, ended.text) == (TurnStatus.DONE, "Here it is.")
    assert [one.text for one in bench.conversation.messages] == ["go", loop.UNREADABLE, "Here it is."]
    assert sum(isinstance(one, Noted) for one in bench.events) == 1


@pytest.mark.parametrize(("script", "said"), [("===\n", loop.NO_ANSWER), ("===\n@malformed\n", "no JSON")])
async def test_a_model_that_never_answers_ends_the_turn_and_leaves_no_empty_message(
    script: str, said: str, bench: TeamBench
) -> None:
    ended = await bench.run(script)
    assert ended.status is TurnStatus.FAILED
    assert said in ended.text
    assert all(one.text for one in bench.conversation.messages)
    assert len(bench.chat.requests) == 2


async def test_an_answer_that_was_cut_off_says_so(bench: TeamBench) -> None:
    ended = await bench.run("===\none two three four five\n", answer_tokens=3)
    assert (ended.status, ended.text) == (TurnStatus.DONE, "one two three")
    (note,) = (one for one in bench.events if isinstance(one, Noted))
    assert "cut off" in note.text


async def test_an_answer_that_takes_too_long_is_stopped_at_the_limit_of_time(bench: TeamBench) -> None:
    ended = await bench.run("===\n@token-time 0.02\n" + "word " * 500, seconds=0.2)
    assert ended.status is TurnStatus.LIMIT
    assert "seconds, its limit" in ended.text
    assert ended.seconds < 5


async def test_results_that_together_exceed_the_window_are_cut_and_the_model_is_told(bench: TeamBench) -> None:
    bench.write("".join(f"#- b{number}.py\n" + "value = 1\n" * 900 for number in range(4)))
    reads = "===\n@times 1\n" + "".join(f'@call read_file {{"path": "b{number}.py"}}\n' for number in range(4))
    ended = await bench.run(reads + "===\nWell.\n", window=4000, answer_tokens=200)
    assert (ended.status, ended.text) == (TurnStatus.DONE, "Well.")
    assert all("characters left out, because the results together" in text for text in bench.results())
    assert any(isinstance(one, Noted) and "4 results of calls were cut" in one.text for one in bench.events)
    sent = "\n".join(one.text for one in bench.chat.requests[-1].messages)
    assert bench.chat.count_tokens(sent) < 4000 - 200
