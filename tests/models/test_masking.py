"""No secret goes out, and none is lost: marks in questions, secrets in answers, and nothing of either by halves."""

# ruff: noqa: ARG002 (doubles take what the real ones take)

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from models.chat import AnswerSchema, ChatError, ChatRequest, Fault, Message, Reply, Speaker, ToolCall, never
from models.completion import FillRequest, Generation, Score, Snippet, StopReason
from models.masked_completion import MaskedModel
from models.masking import MARK, Mask, MaskedChat
from models.remote.replies import CachedChat
from models.scripted.scripted_chat import ScriptedChat
from models.scripted.scripted_completion import ENTRY

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

SECRET, OTHER = "s3cret-one", 'two"quoted\\'
ONE, TWO = f"{MARK}_0001", f"{MARK}_0002"


def find(text: str) -> list[tuple[int, int]]:
    return sorted(
        (at, at + len(secret)) for secret in (SECRET, OTHER) for at in range(len(text)) if text.startswith(secret, at)
    )


def make_request(*texts: str, **more: object) -> ChatRequest:
    return replace(ChatRequest(tuple(Message(Speaker.USER, text) for text in texts)), **more)  # type: ignore[arg-type]


def dump_requests(model: ScriptedChat) -> str:
    return json.dumps([[str(message.text) for message in request.messages] for request in model.requests])


def test_secrets_are_marks_outside_and_secrets_again_inside() -> None:
    model = ScriptedChat(f'===\nkey = "{ONE}"; other = {TWO}')
    reply = MaskedChat(model, find).chat(make_request(f"a = {SECRET}", f"b = {OTHER}, {SECRET}"), cancelled=never)
    assert reply.text == f'key = "{SECRET}"; other = {OTHER}'
    assert SECRET not in dump_requests(model)
    assert "quoted" not in dump_requests(model)
    assert [message.text for message in model.requests[0].messages[1:]] == [f"a = {ONE}", f"b = {TWO}, {ONE}"]


def test_the_model_is_told_of_the_marks_and_only_where_there_are_any() -> None:
    model = ScriptedChat("===\nyes")
    chat = MaskedChat(model, find)
    chat.chat(make_request("plain"), cancelled=never)
    brief = ChatRequest((Message(Speaker.SYSTEM, "Be brief."), Message(Speaker.USER, SECRET)))
    chat.chat(brief, cancelled=never)
    assert len(model.requests[0].messages) == 1
    assert model.requests[1].messages[0].text.startswith("Be brief.")
    assert MARK in model.requests[1].messages[0].text


def test_a_secret_that_was_found_once_is_hidden_where_nothing_tells_it() -> None:
    def only_named(text: str) -> list[tuple[int, int]]:
        at = text.find("password=")
        return [(at + 9, len(text))] if at >= 0 else []

    model = ScriptedChat("===\nyes")
    MaskedChat(model, only_named).chat(
        make_request("print('hunter2-hunter2')", "password=hunter2-hunter2"), cancelled=never
    )
    assert "hunter2" not in dump_requests(model)


@pytest.mark.parametrize("pieces", [1, 2, 3, 7, 50])
def test_a_mark_that_comes_in_pieces_is_one(pieces: int) -> None:
    class Dripping(ScriptedChat):
        def chat(
            self,
            request: ChatRequest,
            *,
            cancelled: Callable[[], bool],
            on_text: Callable[[str], None] | None = None,
        ) -> Reply:
            text = f"x = {ONE}_1 + {MARK[:-1]} STAR {ONE}"
            assert on_text is not None
            for at in range(0, len(text), pieces):
                on_text(text[at : at + pieces])
            return Reply(f"x = {ONE}")

    told: list[str] = []
    MaskedChat(Dripping("===\n"), find).chat(make_request(SECRET), cancelled=never, on_text=told.append)
    assert "".join(told) == f"x = {SECRET}_1 + {MARK[:-1]} STAR {SECRET}"


@pytest.mark.parametrize(
    "damaged",
    [f"{MARK}_0002", f"{MARK}_1", MARK.lower() + "_0001", "Starling Masked 1", f"{MARK}-0001", f"x = {MARK[:9]}", MARK],
)
def test_a_damaged_mark_never_becomes_code(damaged: str) -> None:
    with pytest.raises(ChatError, match="changed a mark") as refused:
        MaskedChat(ScriptedChat(f"===\n{damaged}"), find).chat(make_request(SECRET), cancelled=never)
    assert refused.value.fault is Fault.MALFORMED


def test_words_for_a_person_keep_the_marks() -> None:
    model = ScriptedChat(f"===\nIt logs in with {ONE}.")
    reply = MaskedChat(model, find).chat(make_request(SECRET, words=True), cancelled=never)
    assert reply.text == f"It logs in with {ONE}."


def test_a_secret_comes_back_into_json_as_json_writes_it() -> None:
    schema = AnswerSchema("quote", {"type": "object"})
    model = ScriptedChat(f'===\n{{"quote": "x = {ONE}"}}')
    reply = MaskedChat(model, find).chat(make_request(OTHER, schema=schema), cancelled=never)
    assert json.loads(reply.text) == {"quote": f"x = {OTHER}"}


def test_calls_of_tools_are_hidden_and_revealed() -> None:
    model = ScriptedChat(f'===\n@call write {{"text": "{ONE}"}}\nyes')
    call = ToolCall("1", "write", {"deep": [{"text": SECRET}]})
    history = (Message(Speaker.ASSISTANT, "", (call,)), Message(Speaker.TOOL, "done", call_id="1"))
    reply = MaskedChat(model, find).chat(ChatRequest(history), cancelled=never)
    assert reply.calls[0].arguments == {"text": SECRET}
    assert SECRET not in str(model.requests)


def test_a_text_that_holds_marks_of_its_own_gets_others() -> None:
    model = ScriptedChat(f"===\n{MARK}_X_0001 {ONE}")
    reply = MaskedChat(model, find).chat(make_request(f"{ONE} = {SECRET}"), cancelled=never)
    assert reply.text == f"{SECRET} {ONE}"


def test_kept_answers_hold_marks_and_serve_another_secret(tmp_path: Path) -> None:
    def any_password(text: str) -> list[tuple[int, int]]:
        return [(4, len(text))] if text.startswith("pw: ") else []

    model = ScriptedChat(f"===\nuse {ONE}")
    chat = MaskedChat(CachedChat(model, tmp_path), any_password)
    assert chat.chat(make_request("pw: first-secret"), cancelled=never).text == "use first-secret"
    assert chat.chat(make_request("pw: other-secret"), cancelled=never).text == "use other-secret"
    assert len(model.requests) == 1
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"secret" not in kept.replace(b"secret value", b"")


def test_what_had_come_of_a_broken_answer_is_revealed_too() -> None:
    model = ScriptedChat(f"===\n@break-after 3\n{ONE} and so on and on")
    with pytest.raises(ChatError) as broken:
        MaskedChat(model, find).chat(make_request(SECRET), cancelled=never)
    assert broken.value.partial.startswith(SECRET)


class Filling:
    """A completion model that keeps what it is asked, and says what it was told to."""

    def __init__(self, *texts: str) -> None:
        self.entry = ENTRY
        self.texts = texts
        self.requests: list[FillRequest] = []
        self.scored: list[Sequence[str]] = []

    def count_tokens(self, text: str) -> int:
        return len(text)

    def generate(
        self,
        request: FillRequest,
        *,
        stop: Callable[[str], int | None],
        cancelled: Callable[[], bool],
        alternatives: int = 1,
    ) -> tuple[Generation, ...]:
        self.requests.append(request)
        return tuple(Generation(text, (), StopReason.END) for text in self.texts)

    def score(
        self, request: FillRequest, continuations: Sequence[str], *, cancelled: Callable[[], bool]
    ) -> tuple[Score, ...]:
        self.requests.append(request)
        self.scored.append(continuations)
        return tuple(Score(text, (), ()) for text in continuations)

    def close(self) -> None:
        pass


def complete(model: Filling, request: FillRequest) -> list[str]:
    found = MaskedModel(model, find).generate(request, stop=lambda _: None, cancelled=never)
    return [one.text for one in found]


def test_a_completion_is_asked_for_without_secrets_and_gets_them_back() -> None:
    model = Filling(f"connect({ONE})", f"connect({MARK}_01)")
    request = FillRequest("a.py", f"k = {SECRET}\n", f"\nprint({OTHER})", (Snippet("b.py", f"m = {SECRET}"),))
    assert complete(model, request) == [f"connect({SECRET})"]
    assert (model.requests[0].prefix, model.requests[0].suffix) == (f"k = {ONE}\n", f"\nprint({TWO})")
    assert model.requests[0].snippets == (Snippet("b.py", f"m = {ONE}"),)


def test_a_secret_around_the_cursor_is_hidden_on_both_sides() -> None:
    model = Filling("")
    complete(model, FillRequest("a.py", f"k = {SECRET[:5]}", f"{SECRET[5:]}\n"))
    assert (model.requests[0].prefix, model.requests[0].suffix) == (f"k = {ONE}", f"{TWO}\n")


@pytest.mark.parametrize("text", [MARK, f"x = {MARK}_00", "starling_masked_0001", f"{MARK[:12]}"])
def test_a_completion_with_a_damaged_mark_is_nothing(text: str) -> None:
    assert complete(Filling(text), FillRequest("a.py", SECRET, "")) == [""]


def test_nothing_is_changed_where_there_is_no_secret() -> None:
    model = Filling(MARK)
    assert complete(model, FillRequest("a.py", "a", "b")) == [MARK]
    assert model.requests == [FillRequest("a.py", "a", "b")]


def test_a_continuation_that_holds_a_secret_is_not_judged_elsewhere() -> None:
    model = Filling()
    masked = MaskedModel(model, find)
    assert masked.score(FillRequest("a.py", SECRET, ""), ["x"], cancelled=never) == (Score("x", (), ()),)
    assert masked.score(FillRequest("a.py", "", ""), [f"x = {SECRET}"], cancelled=never) == ()
    assert SECRET not in f"{model.requests}{model.scored}"


def test_equal_requests_have_equal_marks() -> None:
    texts = [f"{SECRET} {OTHER}", OTHER]
    assert Mask(texts, find).hide(texts[0]) == Mask(texts, find).hide(texts[0]) == f"{ONE} {TWO}"
