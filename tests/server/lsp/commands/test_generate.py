"""The commands that generate code: their arguments, their questions and their answers."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from agents.edits import Edit
from agents.findings import Fix
from models.local.lazy_model import LazyModel
from models.scripted.scripted_completion import ENTRY, ScriptedModel
from server.state.paths import HOME_VARIABLE
from tests.server.editor import finding
from tests.server.gate.clients import ClientKind, Desk, Reply

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.server.editor import Editor

STUB = 'def area(r):\n    """Square it."""\n    pass\n'
BODY = 'def area(r):\n    """Square it."""\n    return r * r\n'


class Bench:
    """An editor with one file, a person in front of it, and a scripted model."""

    def __init__(self, editor: Editor, root: Path) -> None:
        self.editor = editor
        self.root = root
        self.path = root / "main.py"
        self.model = ScriptedModel({})
        self.desk = Desk(editor, ClientKind.MESSAGES, Reply.YES)

    async def begin(
        self,
        text: str = STUB,
        says: Mapping[str, str] | None = None,
        reply: Reply = Reply.YES,
        *,
        model: bool = True,
        slow: ScriptedModel | None = None,
    ) -> None:
        """Begin a session and open a file with `text`; the model answers by `says`, and the person with `reply`."""
        self.path.write_text(text, encoding="utf-8")
        self.model = slow or ScriptedModel({"": "return r * r"} if says is None else says)
        self.editor.model = LazyModel(ENTRY, lambda: self.model) if model else None
        self.desk.reply = reply
        await self.desk.begin(self.root)
        self.desk.open(self.path)

    def send(self, name: str, *, token: str | None = None, **arguments: Any) -> int:
        """Send the command `name` about the file and return the request's id."""
        given = {"uri": self.path.as_uri(), **arguments}
        return self.editor.ask(
            "workspace/executeCommand", {"command": name, "arguments": [given], "workDoneToken": token}
        )

    async def run(self, name: str, **arguments: Any) -> dict[str, Any]:
        """Execute the command `name` about the file and return the whole answer."""
        return await self.editor.answer(self.send(name, **arguments))

    @property
    def text(self) -> str | None:
        return self.desk.text(self.path)

    def list_messages(self) -> list[str]:
        """Return the messages that were shown to the person."""
        return [one["params"]["message"] for one in self.editor.sent if one.get("method") == "window/showMessage"]


@pytest.fixture
def bench(editor: Editor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """Return a bench with an empty workspace and a new home."""
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))
    root = tmp_path / "work"
    root.mkdir()
    return Bench(editor, root)


def make_range(line: int, character: int = 0) -> dict[str, dict[str, int]]:
    """Return the empty range at a position, as JSON."""
    place = {"line": line, "character": character}
    return {"start": place, "end": place}


async def test_an_approved_edit_is_written(bench: Bench) -> None:
    await bench.begin()
    result = (await bench.run("starling.generate", task="implement", range=make_range(0)))["result"]
    assert (result["outcome"], result["task"], result["reason"]) == ("applied", "implement", None)
    assert result["proposal"]
    assert result["checkpoint"]
    assert bench.text == BODY
    assert bench.desk.asked == ["message"]


async def test_a_rejection_leaves_every_byte(bench: Bench) -> None:
    await bench.begin(reply=Reply.NO)
    result = (await bench.run("starling.generate", task="implement", range=make_range(0)))["result"]
    assert (result["outcome"], result["checkpoint"]) == ("rejected", None)
    assert "rejected" in result["reason"]
    assert bench.text == STUB


async def test_a_written_edit_can_be_undone(bench: Bench) -> None:
    await bench.begin()
    checkpoint = (await bench.run("starling.generate", range=make_range(0)))["result"]["checkpoint"]
    undo = {"command": "starling.undo", "arguments": [{"checkpoint": checkpoint}]}
    answer = await bench.editor.answer(bench.editor.ask("workspace/executeCommand", undo))
    assert answer["result"]["outcome"] == "applied"
    assert bench.text == STUB


async def test_an_unusable_answer_is_reported_and_nobody_is_asked(bench: Bench) -> None:
    await bench.begin(says={"": ")))"})
    result = (await bench.run("starling.generate", task="implement", range=make_range(0)))["result"]
    assert (result["outcome"], result["proposal"]) == ("failed", "")
    assert result["reason"].startswith("The model found no body for `area` that parses; nothing was changed")
    assert bench.list_messages() == [f"Starling: {result['reason']}"]
    assert bench.desk.asked == []


async def test_without_a_task_the_place_decides(bench: Bench) -> None:
    await bench.begin()
    assert (await bench.run("starling.generate", range=make_range(2, 8)))["result"]["task"] == "implement"


async def test_without_a_task_where_nothing_is_missing_it_says_what_to_do(bench: Bench) -> None:
    await bench.begin("x = 1\n")
    error = (await bench.run("starling.generate", range=make_range(0, 2)))["error"]
    assert error["data"]["code"] == "nothing-applies"
    assert "Name a `task`" in error["message"]


async def test_an_unknown_task_is_answered_with_those_there_are(bench: Bench) -> None:
    await bench.begin()
    error = (await bench.run("starling.generate", task="sing"))["error"]
    assert error["data"]["code"] == "unknown-task"
    assert "docstring" in error["data"]["next"]


async def test_without_a_model_it_says_which_setting_gives_one(bench: Bench) -> None:
    await bench.begin(model=False)
    result = (await bench.run("starling.generate", task="implement", range=make_range(0)))["result"]
    assert (result["outcome"], "model.enabled" in result["reason"]) == ("failed", True)


async def test_a_broken_model_is_an_error_with_a_code(bench: Bench) -> None:
    await bench.begin()
    bench.model.close()
    error = (await bench.run("starling.generate", task="implement", range=make_range(0)))["error"]
    assert (error["code"], error["data"]["code"]) == (-32803, "model-failed")


@pytest.mark.parametrize("uri", ["file:///nowhere/main.py", "untitled:gone", "not a uri"])
async def test_what_is_neither_open_nor_of_the_workspace_is_refused(bench: Bench, uri: str) -> None:
    await bench.begin()
    assert (
        "neither open nor a file"
        in (await bench.run("starling.generate", uri=uri, task="implement"))["error"]["message"]
    )


async def test_a_file_that_is_not_open_is_read_from_the_disk(bench: Bench) -> None:
    await bench.begin()
    other = bench.root / "other.py"
    other.write_text(STUB, encoding="utf-8")
    result = (await bench.run("starling.generate", uri=other.as_uri(), task="implement", range=make_range(0)))["result"]
    assert result["outcome"] == "applied"
    assert bench.desk.text(other) == BODY


async def test_progress_is_shown_by_the_clients_token_and_ends(bench: Bench) -> None:
    await bench.begin()
    await bench.editor.answer(bench.send("starling.generate", token="t1", task="implement", range=make_range(0)))
    shown = [one["params"]["value"]["kind"] for one in bench.editor.sent if one.get("method") == "$/progress"]
    assert (shown[0], shown[-1]) == ("begin", "end")
    begun = next(one["params"] for one in bench.editor.sent if one.get("method") == "$/progress")
    assert (begun["token"], begun["value"]["cancellable"]) == ("t1", True)


@pytest.mark.parametrize("by", ["request", "bar"])
async def test_cancelling_the_request_or_the_bar_stops_the_model_and_changes_nothing(bench: Bench, by: str) -> None:
    asked, gone = threading.Event(), threading.Event()

    class Slow(ScriptedModel):
        def generate(self, *_: Any, cancelled: Any, **__: Any) -> Any:
            asked.set()
            while not cancelled():
                gone.wait(0.001)
            gone.set()
            return ()

    await bench.begin(slow=Slow({}))
    request = bench.send("starling.generate", token="t1", task="implement", range=make_range(0))
    await bench.editor.until(asked.is_set)
    if by == "request":
        bench.editor.notify("$/cancelRequest", {"id": request})
    else:
        bench.editor.notify("window/workDoneProgress/cancel", {"token": "t1"})
    answer = await bench.editor.answer(request)
    assert answer["error"]["code"] == -32800
    await bench.editor.until(gone.is_set)
    assert (bench.text, bench.desk.asked) == (STUB, [])


async def test_a_known_fix_that_is_not_safe_is_proposed(bench: Bench) -> None:
    at_pass = STUB.index("pass")
    fix = Fix("Return it", (Edit(at_pass, at_pass + 4, "return r"),))
    bench.editor.reviewer.findings = {"pass": finding("bad-word", fix=fix)}
    await bench.begin()
    result = (await bench.run("starling.fix", code="bad-word", range=make_range(2, 4)))["result"]
    assert (result["outcome"], result["task"]) == ("applied", "fix")
    assert bench.text is not None
    assert bench.text.count("return r") == 1
    assert bench.model.requests == []


async def test_a_finding_without_a_known_fix_is_fixed_by_the_model(bench: Bench) -> None:
    bench.editor.reviewer.findings = {"eval": finding("eval")}
    await bench.begin("def f(r):\n    return eval(r)\n", {"": "return int(r)"})
    result = (await bench.run("starling.fix", code="eval", range=make_range(1, 12)))["result"]
    assert (result["outcome"], bench.text) == ("applied", "def f(r):\n    return int(r)\n")


async def test_a_finding_that_is_gone_is_an_error(bench: Bench) -> None:
    await bench.begin()
    error = (await bench.run("starling.fix", code="eval", range=make_range(1)))["error"]
    assert error["data"]["code"] == "gone"


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("starling.generate", {"range": {"start": 1}}, "range.start"),
        ("starling.generate", {"more": 1}, "more: Extra inputs"),
        ("starling.fix", {}, "code: Field required"),
        ("starling.generate", {"uri": ""}, "uri: String should have at least 1 character"),
    ],
)
async def test_wrong_arguments_are_an_error(bench: Bench, name: str, arguments: dict[str, Any], said: str) -> None:
    await bench.begin()
    error = (await bench.run(name, **arguments))["error"]
    assert (error["code"], said in error["message"]) == (-32602, True), error


async def list_workflows(bench: Bench) -> list[dict[str, Any]]:
    command = {"command": "starling.workflows", "arguments": [{}]}
    answer = await bench.editor.answer(bench.editor.ask("workspace/executeCommand", command))
    return list(answer["result"]["workflows"])


async def test_a_workflow_is_one_proposal_and_its_record_is_kept(bench: Bench) -> None:
    says = {"    ": "return r * r", "def test_area():\n    ": "assert area(2) == 4"}
    await bench.begin(says=says)
    result = (await bench.run("starling.workflow", range=make_range(0)))["result"]
    assert (result["outcome"], result["task"], result["best"]) == ("applied", "implement", 1)
    assert bench.desk.asked == ["message"]  # one question, for the code and its test
    assert bench.text == BODY
    assert "assert area(2) == 4" in (bench.root / "tests" / "test_main.py").read_text(encoding="utf-8")
    assert "does not know how to run the tests" in result["tested"]
    (record,) = await list_workflows(bench)
    assert (record["id"], record["outcome"], record["proposal"]) == (result["workflow"], "applied", result["proposal"])
    assert record["rounds"] == result["rounds"]
    assert record["rounds"][0]["tokens"] > 0


async def test_a_rejected_workflow_is_recorded_as_rejected(bench: Bench) -> None:
    await bench.begin(reply=Reply.NO)
    await bench.run("starling.workflow", range=make_range(0))
    (record,) = await list_workflows(bench)
    assert (record["outcome"], record["model"], bench.text) == ("rejected", "scripted", STUB)


async def test_a_workflow_whose_model_breaks_hands_over_its_rounds(bench: Bench) -> None:
    await bench.begin()
    bench.model.close()
    error = (await bench.run("starling.workflow", range=make_range(0)))["error"]
    assert (error["data"]["code"], error["data"]["partial"]) == ("workflow-failed", {"rounds": []})
    (record,) = await list_workflows(bench)
    assert record["outcome"] == "failed"


async def test_refining_fixes_the_findings(bench: Bench) -> None:
    bench.editor.reviewer.findings = {"eval": finding("eval")}
    await bench.begin("def f(r):\n    return eval(r)\n", {"": "return int(r)"})
    result = (await bench.run("starling.refine"))["result"]
    assert (result["outcome"], bench.text) == ("applied", "def f(r):\n    return int(r)\n")
