"""The log: its records, its file, and the texts that it must never hold."""

from __future__ import annotations

import json
import logging
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from pygls.exceptions import JsonRpcException

from agents.suggestions import Completion
from server.assembly import log
from server.assembly.setting_sections import LogSettings
from server.observation.ids import bind
from tests.server.editor import URI

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.server.editor import Editor

OTHERS = ("pygls", "asyncio", "websockets", "watchfiles", log.REQUESTS)


@pytest.fixture(autouse=True)
def own_root() -> Iterator[logging.Logger]:
    """Yield the root logger; restore its handlers and levels after the test."""
    root = logging.getLogger()
    handlers, level, raises = list(root.handlers), root.level, logging.raiseExceptions
    libraries = {name: logging.getLogger(name).level for name in OTHERS}
    yield root
    for handler in set(root.handlers) - set(handlers):
        root.removeHandler(handler)
        handler.close()
    root.setLevel(level)
    logging.raiseExceptions = raises
    for name, before in libraries.items():
        logging.getLogger(name).setLevel(before)


def records(folder: Path, part: str = "own") -> list[dict[str, Any]]:
    """Return the logged records whose logger has `part` in its name, so that other tests' threads do not disturb."""
    for handler in logging.getLogger().handlers:
        handler.flush()
    written = [json.loads(line) for line in (folder / log.FILE_NAME).read_text(encoding="utf-8").splitlines()]
    return [record for record in written if part in record["logger"].split(".")]


def test_a_command_that_never_configures_the_log_holds_its_newest_records_only(
    own_root: logging.Logger, tmp_path: Path
) -> None:
    log.begin()
    for number in range(2 * log.HELD_RECORDS):
        logging.getLogger("own").info("%s", number)
    (held,) = (one for one in own_root.handlers if isinstance(one, log.HeldRecords))
    assert len(held.buffer) == log.HELD_RECORDS
    log.configure(LogSettings(), tmp_path)
    assert records(tmp_path)[-1]["event"] == str(2 * log.HELD_RECORDS - 1)


def test_what_was_logged_before_the_settings_were_known_is_written_too(tmp_path: Path) -> None:
    log.begin()
    logging.getLogger("own.early").info("starting %s", "up")
    logging.getLogger("own.early").debug("not this")
    assert log.configure(LogSettings(), tmp_path) == ""
    logging.getLogger("own.late").warning("later")
    events = [(record["event"], record["logger"], record["level"]) for record in records(tmp_path)]
    assert events == [("starting up", "own.early", "info"), ("later", "own.late", "warning")]


def test_a_record_is_one_json_object_with_time_and_process(tmp_path: Path) -> None:
    log.configure(LogSettings(), tmp_path)
    logging.getLogger("own.x").info("two\nlines", extra={"method": "initialize", "took_ms": 3})
    (record,) = records(tmp_path)
    assert record["event"] == "two\nlines"
    assert (record["method"], record["took_ms"]) == ("initialize", 3)
    assert record["timestamp"].endswith("Z")
    assert record["process"] > 0


def test_records_carry_the_ids_of_their_request_also_those_from_before_the_settings_were_known(tmp_path: Path) -> None:
    log.begin()
    with bind(request="7", session="s1", user="ann"):
        logging.getLogger("own").info("early")
        log.configure(LogSettings(), tmp_path)
        logging.getLogger("own").info("late", extra={"session": "its own"})
    logging.getLogger("own").info("other")
    found = [[record.get(name) for name in ("request", "session", "user")] for record in records(tmp_path)]
    assert found == [["7", "s1", "ann"], ["7", "its own", "ann"], [None, None, None]]


def test_a_traceback_goes_to_the_file_and_one_line_to_stderr(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log.configure(LogSettings(), tmp_path)
    try:
        int("broken\nbadly")
    except ValueError:
        logging.getLogger("own.x").exception("it failed")
    (record,) = records(tmp_path)
    assert "Traceback" in record["exception"]
    written = capsys.readouterr()
    assert "it failed" in written.err
    assert "ValueError" in written.err
    assert "Traceback" not in written.err


def test_a_traceback_has_all_causes_and_no_marks_for_which_lines_are_parsed_anew(tmp_path: Path) -> None:
    log.configure(LogSettings(), tmp_path)
    try:
        try:
            _ = {}["first"] + len("a")
        except KeyError as error:
            raise ExceptionGroup("second", [OSError("third")]) from error
    except ExceptionGroup:
        logging.getLogger("own.x").exception("it failed")
    logging.getLogger("own.x").error("no error at hand", exc_info=True)  # noqa: LOG014 (libraries do)
    (record, bare) = records(tmp_path)
    assert all(word in record["exception"] for word in ('{}["first"]', "second", "third"))
    assert "^^^" not in record["exception"]
    assert bare["event"] == "no error at hand"


def test_nothing_goes_to_stdout_and_only_warnings_to_stderr(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log.begin()
    log.configure(LogSettings(level="debug"), tmp_path)
    for level in (logging.DEBUG, logging.INFO, logging.WARNING, logging.CRITICAL):
        logging.getLogger("own.x").log(level, "message at %d", level)
    written = capsys.readouterr()
    assert written.out == ""
    own = [line for line in written.err.splitlines() if " own.x: " in line]
    assert [line.rsplit(" ", 1)[1] for line in own] == ["30", "50"]
    assert len(records(tmp_path)) == 4


@pytest.mark.parametrize("name", ["prompt", "prefix", "text", "api_key", "promptText", "authorization", "code"])
def test_texts_and_secrets_in_named_fields_are_withheld(tmp_path: Path, name: str) -> None:
    log.configure(LogSettings(), tmp_path)
    logging.getLogger("own.x").info("asked", extra={name: "class Secret: ..."})
    (record,) = records(tmp_path)
    assert record[name] == log.WITHHELD


def test_figures_about_texts_are_not_withheld(tmp_path: Path) -> None:
    log.configure(LogSettings(), tmp_path)
    logging.getLogger("own.x").info("asked", extra={"prompt_tokens": 17, "reused": True})
    (record,) = records(tmp_path)
    assert (record["prompt_tokens"], record["reused"]) == (17, True)


@pytest.mark.parametrize(
    "secret",
    [
        "sk-abcdefghijklmnopqrstuvwxyz123456",
        "ghp_abcdefghijklmnopqrstuvwxyz1234567890",
        "Bearer eyJhbGciOiJIUzI1NiJ9.payload",
        "https://user:hunter22@example.org/x",
        "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA\n-----END RSA PRIVATE KEY-----",
    ],
)
def test_secrets_within_messages_are_taken_out_everywhere(
    tmp_path: Path, secret: str, capsys: pytest.CaptureFixture[str]
) -> None:
    log.configure(LogSettings(texts=True), tmp_path)
    logging.getLogger("own.x").warning("the endpoint said %s", secret, extra={"detail": f"with {secret}"})
    hidden = {"hunter22", secret.rpartition(" ")[2], "MIIEpAIBAAKCAQEA"}
    (record,) = records(tmp_path)
    for text in (json.dumps(record), capsys.readouterr().err):
        assert not any(part in text for part in hidden)


def test_messages_of_the_protocol_library_lose_their_documents(tmp_path: Path) -> None:
    log.configure(LogSettings(), tmp_path)
    params = {"textDocument": {"text": "password = 'x'"}}
    logging.getLogger("pygls.own").error("Failed to handle %s %d: %s", "textDocument/didOpen", 7, params)
    (record,) = records(tmp_path)
    assert record["event"] == "Failed to handle textDocument/didOpen 7: <dict>"


@pytest.mark.parametrize(("code", "said"), [(-32800, False), (-32802, False), (-32603, True)])
def test_a_request_that_was_overtaken_is_no_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], code: int, *, said: bool
) -> None:
    log.configure(LogSettings(), tmp_path)
    error = JsonRpcException("answered", code=code)
    logging.getLogger("pygls.protocol.json_rpc").error("Exception occurred for message 1", exc_info=error)
    assert ("Exception occurred" in capsys.readouterr().err) is said


def test_a_person_may_switch_texts_on(tmp_path: Path) -> None:
    log.configure(LogSettings(texts=True), tmp_path)
    logging.getLogger("own.x").info("asked", extra={"prompt": "def f():"})
    (record,) = records(tmp_path)
    assert record["prompt"] == "def f():"


def test_a_message_that_does_not_fit_its_arguments_is_still_written(tmp_path: Path) -> None:
    log.configure(LogSettings(), tmp_path)
    logging.getLogger("own.x").warning("%d files", "many")
    (record,) = records(tmp_path)
    assert record["event"] == "%d files"


def test_a_lone_surrogate_in_a_message_does_no_harm(tmp_path: Path) -> None:
    log.configure(LogSettings(), tmp_path)
    logging.getLogger("own.x").warning("a file named \udcff")
    assert len(records(tmp_path)) == 1


def test_the_file_is_set_aside_at_its_size_and_few_old_ones_stay(tmp_path: Path) -> None:
    log.configure(LogSettings(max_bytes=10_000), tmp_path)
    for number in range(1000):
        logging.getLogger("own.x").info("record %d", number)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == [log.FILE_NAME, *(f"{log.FILE_NAME}.{number}" for number in range(1, log.OLD_FILES + 1))]
    assert all(path.stat().st_size <= 10_000 for path in tmp_path.iterdir())


def test_a_folder_that_is_taken_away_is_made_again(tmp_path: Path) -> None:
    folder = tmp_path / "log"
    log.configure(LogSettings(), folder)
    logger = logging.getLogger("own")
    logger.warning("one")
    shutil.rmtree(folder)
    logger.warning("two")
    (folder / log.FILE_NAME).rename(folder / "elsewhere")
    logger.warning("three")
    assert [record["event"] for record in records(folder)] == ["three"]
    assert "two" in (folder / "elsewhere").read_text(encoding="utf-8")


def test_without_a_writable_place_stderr_still_works(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("in the way")
    problem = log.configure(LogSettings(), tmp_path / "file" / "log")
    assert str(tmp_path / "file" / "log") in problem
    logging.getLogger("own.x").warning("still here")
    assert "still here" in capsys.readouterr().err


def test_configuring_again_takes_the_place_of_what_was_there(tmp_path: Path) -> None:
    log.configure(LogSettings(), tmp_path / "a")
    log.configure(LogSettings(file=False), tmp_path / "b")
    log.configure(LogSettings(level="warning"), tmp_path / "c")
    logging.getLogger("own.x").warning("once")
    logging.getLogger("own.x").info("not at all")
    assert len(records(tmp_path / "c")) == 1
    assert records(tmp_path / "a") == []
    assert not (tmp_path / "b").exists()


def test_beginning_imports_nothing_heavy() -> None:
    code = "import sys; from server.assembly import log; log.begin(); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"structlog", "rich", "pydantic"} & set(loaded)


CODE = "def area(radius):\n    return 3.14159 * "


async def log_request(editor: Editor, settings: LogSettings, folder: Path, **document: str) -> dict[str, Any]:
    """Run a session with one request for completion, and return the single record of that request."""
    log.configure(settings, folder)
    await editor.begin()
    editor.open(CODE, **document)
    await editor.answer(editor.complete(1, 21, uri=document.get("uri", URI)))
    (record,) = records(folder, "completion_requests")
    return record


async def test_each_request_is_one_debug_record_of_figures_without_texts(editor: Editor, tmp_path: Path) -> None:
    record = await log_request(editor, LogSettings(level="debug"), tmp_path)
    assert (record["level"], record["language"], record["trigger"]) == ("debug", "python", "automatic")
    assert record["request"]
    assert (record["origin"], record["confidence"], record["characters"]) == ("model", 0.9, len(editor.generator.text))
    assert record["answer_ms"] >= record["total_ms"] >= record["model_ms"] >= 0
    assert (record["prompt_end"], record["suggestion_text"]) == (log.WITHHELD, log.WITHHELD)
    written = (tmp_path / log.FILE_NAME).read_text(encoding="utf-8")
    assert editor.generator.text not in written
    assert "3.14159" not in written
    assert "main.py" not in written


async def test_a_request_that_got_nothing_says_why(editor: Editor, tmp_path: Path) -> None:
    editor.generator.reusable = Completion((), "unsure", model_ms=12.34, total_ms=15.0)
    record = await log_request(editor, LogSettings(level="debug"), tmp_path)
    assert (record["why_empty"], record["model_ms"], record["total_ms"]) == ("unsure", 12.3, 15.0)
    assert "origin" not in record


async def test_the_texts_of_requests_are_written_where_a_person_asks_for_texts(editor: Editor, tmp_path: Path) -> None:
    record = await log_request(editor, LogSettings(texts=True), tmp_path)
    assert (record["prompt_end"], record["suggestion_text"]) == (CODE, editor.generator.text)


async def test_the_text_of_a_file_in_which_nothing_is_offered_is_never_written(editor: Editor, tmp_path: Path) -> None:
    editor.generator.reusable = Completion((), "excluded")
    record = await log_request(
        editor, LogSettings(level="debug", texts=True), tmp_path, uri=(tmp_path / ".env").as_uri()
    )
    assert record["why_empty"] == "excluded"
    assert "prompt_end" not in record
    assert "3.14159" not in (tmp_path / log.FILE_NAME).read_text(encoding="utf-8")


async def test_a_request_that_is_not_logged_is_not_described_either(
    editor: Editor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    described: list[object] = []
    monkeypatch.setattr(
        "server.lsp.session.completion_requests._log_request", lambda *arguments: described.append(arguments)
    )
    log.configure(LogSettings(), tmp_path)
    await editor.begin()
    editor.open(CODE)
    assert len(await editor.items(editor.complete(1, 21))) == 1
    assert described == []
    assert records(tmp_path, "completion_requests") == []


async def test_asking_for_no_more_texts_ends_the_records_of_requests(editor: Editor, tmp_path: Path) -> None:
    log.configure(LogSettings(texts=True), tmp_path)
    log.configure(LogSettings(), tmp_path)
    await editor.begin()
    editor.open(CODE)
    assert len(await editor.items(editor.complete(1, 21))) == 1
    assert records(tmp_path, "completion_requests") == []
