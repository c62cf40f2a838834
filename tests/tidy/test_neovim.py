"""The Neovim plugin agrees with the server: commands, their fields, settings, messages. No Neovim is needed."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from lsprotocol import types

from agents.tasks import task_registry
from server.assembly.settings_reference import list_settings
from server.lsp import own_methods
from server.lsp.commands import COMMANDS, load
from server.lsp.editor import confirm_request, editor_person, editor_saving, progress, state_changes
from server.lsp.session import model_loading
from server.state.change_marks import Marks
from tests.tidy import neovim_help
from tests.tidy.tree import ROOT

FOLDER = ROOT / "editors" / "neovim"
TABLE: list[dict[str, Any]] = json.loads(neovim_help.COMMANDS.read_text(encoding="utf-8"))
LUA = {path.relative_to(FOLDER).as_posix(): path.read_text(encoding="utf-8") for path in FOLDER.rglob("*.lua")}
# run by themselves when a suggestion or a next edit is taken
NOT_FOR_PEOPLE = {"starling.completion.accepted", "starling.nextEdit.accepted"}
IN_THE_CHAT = {
    "starling.ask",
    "starling.cancel",
    "starling.feedback",
    "starling.session",
}  # a chat has views of its own
ABOUT = {"selection": {"uri", "range"}, "document": {"uri"}, "finding": {"uri", "range", "code"}, "nothing": set()}


def load_schema(command: str, which: str) -> Any:
    """Return the JSON schema of a command's "Arguments" or "Result"."""
    return getattr(load(command), which).model_json_schema()


def find_schema(schema: dict[str, Any], path: str) -> dict[str, Any] | None:
    """Return the schema of the field `path` ("a.b" for a field of a record); None if there is no such field.

    Returns {} for a field inside a value whose fields are not described.
    """
    here: dict[str, Any] | None = schema
    for name in path.split("."):
        if here is None or not (properties := _resolve(schema, here).get("properties")):
            return {} if here is not None else None
        here = properties.get(name)
    return here


def _resolve(schema: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    """Return the definition in `schema` that `part`, its items or its alternatives refer to; `part` if none."""
    for one in (part, part.get("items", {}), *part.get("anyOf", ())):
        if "$ref" in one:
            return dict(schema["$defs"][one["$ref"].rsplit("/", 1)[1]])
    return part


def test_the_table_has_exactly_the_commands_for_people() -> None:
    assert {one["command"] for one in TABLE} == COMMANDS.keys() - NOT_FOR_PEOPLE - IN_THE_CHAT
    assert len({one["name"] for one in TABLE}) == len(TABLE)


@pytest.mark.parametrize("one", TABLE, ids=lambda one: one["name"])
def test_the_table_names_only_arguments_and_results_that_a_command_has(one: dict[str, Any]) -> None:
    arguments, result = load_schema(one["command"], "Arguments"), load_schema(one["command"], "Result")
    sent = set(ABOUT[one["about"]]) | {name for flag in one.get("flags", {}).values() for name in flag}
    sent |= {one[way]["field"] for way in ("words", "choice") if way in one}
    sent |= {"partial_token"} if one["shows"] == "words" else set()
    assert sent - arguments.get("properties", {}).keys() == set()
    report = one.get("report", {"facts": [], "order": [], "tables": {}})
    assert [path for path in report["facts"] if find_schema(result, path) is None] == []
    assert report["tables"].keys() == set(report["order"])
    for name, columns in report["tables"].items():
        row = _resolve(result, result["properties"][name])
        assert set(columns) - row["properties"].keys() == set()
    shown = {
        "words": {"text"},
        "outcome": {"outcome", "reason", "unsaved"},
        "locations": {"hits"},
        "report": set(),
        "list": set(),
    }
    assert shown[one["shows"]] - result["properties"].keys() == set()


def test_the_tasks_that_can_be_chosen_are_the_generators() -> None:
    [write] = [one for one in TABLE if one["name"] == "write"]
    others = {"fix", "generate", "explain"}  # commands of their own
    assert set(write["choice"]["of"]) == {task.name for task in task_registry.TASKS} - others


def test_methods_and_commands_in_the_lua_exist() -> None:
    text = "\n".join(LUA.values())
    methods = {name for name in re.findall(r"'((?:\$|[a-zA-Z]+)/[a-zA-Z/]+)'", text) if "." not in name}
    ours = {confirm_request.CONFIRM, editor_person.ASK, editor_person.PLAN, editor_saving.SAVE, state_changes.CHANGED}
    known = set(types.METHOD_TO_TYPES) | ours | own_methods.METHODS.keys()
    assert len(methods) > 5
    assert methods - known == set()
    modules = {name.removeprefix("lua/").removesuffix(".lua").replace("/", ".") for name in LUA}
    assert set(re.findall(r"require\('(starling[a-z._]*)'\)", text)) <= {*modules, "starling"}
    assert set(re.findall(r"execute\('([^']+)'", text)) <= COMMANDS.keys()
    assert set(re.findall(r"'(starling\.\w+)'", LUA["lua/starling/chat.lua"])) >= IN_THE_CHAT
    assert f"'{confirm_request.CONFIRM}'" in LUA["lsp/starling.lua"]
    assert f"'{editor_person.ASK}'" in LUA["lsp/starling.lua"]
    assert f"'{state_changes.CHANGED}'" in LUA["lsp/starling.lua"]


def test_the_actions_and_kinds_of_the_lists_exist() -> None:
    text = LUA["lua/starling/lists.lua"]
    for command in ("tasks", "questions", "memory"):
        allowed = load_schema(f"starling.{command}", "Arguments")["properties"]["action"]["enum"]
        asked = re.findall(rf"execute\((?:buffer, )?'starling.{command}', \{{ action = '(\w+)'", text)
        asked += re.findall(r"run_action\('(\w+)'", text) if command == "tasks" else []
        assert asked
        assert set(asked) <= set(allowed)
    changed = state_changes.describe_difference(*(Marks((), frozenset(), ()),) * 2)
    assert set(re.findall(r"^  (\w+) = 'starling\.\w+',$", text, re.MULTILINE)) == set(changed)


def test_progress_bars_are_recognized_by_their_titles() -> None:
    assert f"value.title == '{progress.TITLE}'" in LUA["lua/starling/status.lua"]
    assert f"vim.startswith(value.title, '{model_loading.TITLE} ')" in LUA["lua/starling/status.lua"]


def test_settings_in_the_documents_exist() -> None:
    known = {one.key for one in list_settings()}
    texts = [*LUA.values(), *(path.read_text(encoding="utf-8") for path in (neovim_help.HELP, FOLDER / "README.md"))]
    named = {
        f"{section}.{name}"
        for text in texts
        for section, name in re.findall(r"settings = \{ starling = \{ (\w+) = \{ (\w+) = ", text)
    }
    assert named
    assert named - known == set()


def test_the_help_is_made_from_the_servers_definitions() -> None:
    text = neovim_help.HELP.read_text(encoding="utf-8")
    assert neovim_help.render_help(text) == text, "out of date: make docs"
    tags = re.findall(r"\*([^*\s]+)\*", text)
    assert len(tags) == len(set(tags))


def test_the_lines_of_the_help_fit_the_window_and_own_commands_are_listed() -> None:
    assert [line for line in neovim_help.HELP.read_text(encoding="utf-8").splitlines() if len(line) > 125] == []
    own = set(re.findall(r"^  (\w+) = function\(\)", LUA["lua/starling/commands.lua"], re.MULTILINE))
    assert own == set(neovim_help.OWN)
