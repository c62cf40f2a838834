"""All settings in one class, resolved from their layers.

`Settings` combines the sections of `setting_sections`, `team_settings` and `endpoints`, where each setting is declared
once; the editors' settings pages and the documentation are generated from it (`settings_reference`). `resolve` keeps no
state, so a reload is one more call.

| strength | layer | written as |
| --- | --- | --- |
| 1 (wins) | environment | `STARLING_COMPLETION__MAX_TOKENS=32` |
| 2 | the user's `settings.toml` (`server.state.paths.settings_file`) | `[completion]` `max_tokens = 32` |
| 3 | `.starling.toml` in a workspace folder, first folder first | the same, but only keys marked `workspace` |
| 4 | the editor, but no keys marked `personal` | `{"completion": {"maxTokens": 32}}` |
| 5 | the defaults of the sections | |

Names may be written in camelCase or snake_case everywhere. `index.exclude`, `completion.exclude`, `review.rulesOn` and
`review.rulesOff` are joined over all layers; any other setting comes from the strongest layer that has it. An invalid
value does not affect other settings: `resolve` reports it as a `SettingProblem` and uses the value of the next weaker
layer, or the default. Of these joined lists and of `team.allow` only the invalid entries are left out. While a problem
may hide a rule of `team.deny` or `team.ask`, the team does nothing (`TeamSettings.unreadable`).
 A workspace may come from a stranger, so its file cannot start a program, contact a server,
reveal texts or choose a model. Start at `resolve`.
"""

from __future__ import annotations

import difflib
import json
import os
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, cast, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from server.assembly.access.access_settings import AccessSettings
from server.assembly.databases.state_settings import StateSettings
from server.assembly.deploy_settings import DeploySettings
from server.assembly.endpoints import ChatSettings
from server.assembly.mcp_servers.server_settings import McpSettings
from server.assembly.observation.observation_settings import MetricsSettings, TracesSettings
from server.assembly.setting_sections import (
    CompletionSettings,
    Glob,
    IndexSettings,
    LogSettings,
    ModelSettings,
    NextEditSettings,
    ReviewSettings,
)
from server.assembly.setting_sources import (
    EDITOR,
    Entry,
    SettingProblem,
    format_value,
    read_editor,
    read_environment,
    read_file,
)
from server.assembly.team_settings import AutopilotSettings, RuleText, ScheduleSettings, TeamSettings
from server.state import paths

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from pydantic.fields import FieldInfo

__all__ = ["SettingProblem", "Settings", "resolve"]

WORKSPACE_FILE = ".starling.toml"
MOST_SHOWN = 600  # characters of an invalid entry of a list; a rule may have 500
RULE_LISTS = frozenset({"deny", "ask"})  # settings of the team without which more would be allowed
NOTHING_RUNS = " Agents do nothing until you correct it."


class Settings(BaseModel):
    """All settings, one attribute for each section; immutable. `Settings()` has the defaults."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    completion: CompletionSettings = Field(default=CompletionSettings(), description="Inline completions.")
    index: IndexSettings = Field(default=IndexSettings(), description="The index of the workspace.")
    next_edit: NextEditSettings = Field(default=NextEditSettings(), description="Next edits.")
    model: ModelSettings = Field(default=ModelSettings(), description="The model that writes completions.")
    review: ReviewSettings = Field(default=ReviewSettings(), description="The review of code.")
    chat: ChatSettings = Field(default=ChatSettings(), description="The chat model.")
    team: TeamSettings = Field(default=TeamSettings(), description="The team of agents.")
    schedule: ScheduleSettings = Field(default=ScheduleSettings(), description="Background jobs.")
    autopilot: AutopilotSettings = Field(default=AutopilotSettings(), description="The autopilot.")
    mcp: McpSettings = Field(default=McpSettings(), description="Your own MCP servers.")
    deploy: DeploySettings = Field(default=DeploySettings(), description="Deployments.")
    access: AccessSettings = Field(default=AccessSettings(), description="A server with accounts.")
    log: LogSettings = Field(default=LogSettings(), description="The log.")
    state: StateSettings = Field(default=StateSettings(), description="The state database.")
    metrics: MetricsSettings = Field(default=MetricsSettings(), description="Metrics for Prometheus.")
    traces: TracesSettings = Field(default=TracesSettings(), description="Traces in OpenTelemetry's form.")


def resolve(
    *,
    editor: object = None,
    roots: Sequence[Path] = (),
    environment: Mapping[str, str] | None = None,
    user_file: Path | None = None,
) -> tuple[Settings, tuple[SettingProblem, ...]]:
    """Read all layers; return the settings in force, and the problems of all layers, each once. Blocking.

    Args:
        editor: the editor's `initializationOptions` or its answer to `workspace/configuration`; None for none.
        roots: workspace folders, the strongest first; each may have a `.starling.toml`.
        environment: environment variables; defaults to those of this process.
        user_file: the user's TOML file, which may be missing; defaults to `server.state.paths.settings_file()`.
    """
    sections = tuple(Settings.model_fields)
    layers = [
        read_environment(os.environ if environment is None else environment, sections),
        read_file(paths.settings_file() if user_file is None else user_file, sections),
        *(read_file(root / WORKSPACE_FILE, sections, workspace=True) for root in roots),
        read_editor(editor, sections),
    ]
    problems: dict[SettingProblem, None] = {}  # an ordered set
    merged: dict[str, Any] = {}
    for layer in layers:
        problems |= dict.fromkeys(layer.problems)
        for entry in layer.entries:
            value, found = parse_entry(entry)
            problems |= dict.fromkeys(found)
            if value is None:
                continue
            values = merged.setdefault(entry.section, {})
            if has_mark(get_fields(entry.section)[entry.name], "adds_up"):
                values[entry.name] = tuple(dict.fromkeys((*values.get(entry.name, ()), *value)))
            else:
                values.setdefault(entry.name, value)
    if unreadable := [str(problem) for problem in problems if _may_hide_rules(problem)]:
        merged["team"] = TeamSettings(**merged.get("team", {})).mark_unreadable(unreadable)
    return Settings(**merged), tuple(problems)


def restrict_editor(sent: object) -> dict[str, dict[str, object]]:
    """Return the settings in what an editor `sent` that a workspace's file could set, too; {} if there are none.

    Unknown settings are left out as well.
    """
    kept: dict[str, dict[str, object]] = {}
    for entry in read_editor(sent, tuple(Settings.model_fields)).entries:
        if _describe_unknown(entry) is None and has_mark(get_fields(entry.section)[entry.name], "workspace"):
            kept.setdefault(entry.section, {})[entry.name] = entry.value
    return kept


def parse_entry(entry: Entry) -> tuple[Any, list[SettingProblem]]:
    """Return the value of `entry` in the type of its field, None if it is ignored, and what is wrong with it."""
    if (unknown := _describe_unknown(entry)) is not None:
        return None, [SettingProblem(entry.written, entry.source, unknown)]
    field = get_fields(entry.section)[entry.name]
    if entry.workspace and not has_mark(field, "workspace"):
        message = "cannot be set by a workspace; set it in your own settings.toml or in the environment."
        return None, [SettingProblem(entry.written, entry.source, message)]
    if entry.source == EDITOR and has_mark(field, "personal"):
        message = (
            "cannot be set by an editor, which may pass on a workspace's settings; set it in your own settings.toml or "
            "in the environment."
        )
        return None, [SettingProblem(entry.written, entry.source, message)]
    try:
        if has_mark(field, "adds_up") or has_mark(field, "by_entry"):
            return _parse_list(entry, field)
        return _parse_value(entry), []
    except (ValueError, TypeError, RecursionError) as error:  # a TOML date, which is no JSON, is a TypeError
        # a person may have pasted an API key into a personal setting, so its value is not repeated
        said = "the value" if has_mark(field, "personal") else format_value(entry.value)
        message = (
            f"{said} is not allowed, {_locate_in_table(error, field)}it must be {describe_allowed(field)}; "
            f"the value set elsewhere is used, or else the default, {json.dumps(field.default)}."
        )
        if entry.section == "team" and entry.name in RULE_LISTS:
            message = f"{said} is not allowed, it must be {describe_allowed(field)}.{NOTHING_RUNS}"
        return None, [SettingProblem(entry.written, entry.source, message)]


def get_section(section: str) -> type[BaseModel]:
    """Return the class that declares the settings of `section`."""
    annotation: Any = Settings.model_fields[section].annotation
    return cast("type[BaseModel]", annotation)


def get_fields(section: str) -> dict[str, FieldInfo]:
    """Return the fields of a section by their names in snake_case."""
    return get_section(section).model_fields


def has_mark(field: FieldInfo, mark: Literal["workspace", "adds_up", "by_entry", "personal"]) -> bool:
    """Return whether `field` has `mark`.

    `workspace`: a workspace may set it; `adds_up`: the values of all layers are joined; `by_entry`: only the invalid
    entries of the list are left out, which holds for all with `adds_up`, too; `personal`: no editor may set it.
    """
    extra = field.json_schema_extra
    return isinstance(extra, dict) and bool(extra.get(mark))


def to_camel_case(name: str) -> str:
    """Return `max_tokens` as `maxTokens`."""
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)


def describe_allowed(field: FieldInfo) -> str:
    """Return the allowed values of a field in words: "true or false", "an integer from 1 to 512"."""
    if isinstance(field.json_schema_extra, dict) and (words := field.json_schema_extra.get("allowed")):
        return str(words)
    if field.annotation is bool:
        return "true or false"
    if get_origin(field.annotation) is Literal:
        return "one of " + ", ".join(f'"{choice}"' for choice in get_args(field.annotation))
    if get_origin(field.annotation) is tuple:
        patterns = get_args(field.annotation)[0] == Glob
        return "a list of patterns as in a .gitignore" if patterns else "a list of strings"
    if field.annotation in (int, float):
        low = next(bound.ge for bound in field.metadata if hasattr(bound, "ge"))
        high = next(bound.le for bound in field.metadata if hasattr(bound, "le"))
        return f"{'an integer' if field.annotation is int else 'a number'} from {low:,} to {high:,}"
    return "a string"


def _parse_value(entry: Entry) -> Any:  # noqa: ANN401 (a field's type)
    """Return the value of `entry` in the type of its field; the text of an environment variable is parsed leniently.

    Raises:
        ValueError, TypeError, RecursionError: the value is not allowed, or cannot be parsed.
    """
    model, value = get_section(entry.section), entry.value
    if entry.textual and get_origin(get_fields(entry.section)[entry.name].annotation) is tuple:
        value = _split_text(str(value))
    elif entry.textual and get_origin(get_fields(entry.section)[entry.name].annotation) is dict:
        value = json.loads(str(value))
    elif entry.textual:
        return getattr(model.model_validate_strings({entry.name: str(value).strip()}), entry.name)
    # strict: the string "3" is no number, and 1 is not true
    return getattr(model.model_validate_json(json.dumps({entry.name: value}), strict=True), entry.name)


def _parse_list(entry: Entry, field: FieldInfo) -> tuple[tuple[Any, ...], list[SettingProblem]]:
    """Return the valid entries of a list, and a problem for each invalid one.

    Raises:
        ValueError, TypeError, RecursionError: it is no list, or cannot be parsed.
    """
    value = _split_text(str(entry.value)) if entry.textual else entry.value
    if not isinstance(value, list | tuple):
        raise TypeError("it is no list")
    ending = "" if get_args(field.annotation)[0] == RuleText else f" It must be in {describe_allowed(field)}."
    ending += " The other entries hold." if len(value) > 1 else ""
    ending += NOTHING_RUNS if entry.section == "team" and entry.name in RULE_LISTS else ""
    valid: list[Any] = []
    problems: list[SettingProblem] = []
    for number, one in enumerate(value, 1):
        try:
            valid += _parse_value(replace(entry, value=[one], textual=False))
        except (ValueError, TypeError, RecursionError) as error:
            shown = format_value(one, MOST_SHOWN)
            message = f"entry {number}, {shown}, cannot be used: {_explain(error)}.{ending}"
            problems.append(SettingProblem(entry.written, entry.source, message))
    return tuple(valid), problems


def _split_text(text: str) -> Any:  # noqa: ANN401 (any value of JSON)
    """Return the list in an environment variable, which is JSON or has commas between its entries.

    Raises:
        ValueError, RecursionError: it begins like JSON and is none.
    """
    text = text.strip()
    return json.loads(text) if text.startswith("[") else [part.strip() for part in text.split(",") if part.strip()]


def _explain(error: Exception) -> str:
    """Return what is wrong with one entry of a list, a clause."""
    if not isinstance(error, ValidationError):
        return "it is no text"
    first = error.errors(include_url=False, include_input=False)[0]
    if first["type"] == "value_error":
        return str(first["ctx"]["error"]).rstrip(".")
    return f"{first['msg'][0].lower()}{first['msg'][1:]}"


def _may_hide_rules(problem: SettingProblem) -> bool:
    """Return whether rules of `team.deny` or `team.ask` may be missing because of `problem`.

    They may if a file cannot be read, or if the setting has one of these names or one that is most similar to them.
    """
    if not problem.key:
        return problem.source != EDITOR
    names = [name for name in re.split(r"[._]+", problem.key.lower().removeprefix("starling_")) if name]
    if not names:
        return False
    if names == ["team"] or names[-1] in RULE_LISTS:
        return True
    near = difflib.get_close_matches(names[-1], get_fields("team"), n=1)
    return len(names) == 2 and names[0] == "team" and bool(near) and near[0] in RULE_LISTS


def _locate_in_table(error: Exception, field: FieldInfo) -> str:
    """Return the place of the table that `error` is about; "" unless the setting consists of tables."""
    if get_origin(field.annotation) not in {tuple, dict} or not isinstance(error, ValidationError):
        return ""
    where = error.errors(include_url=False, include_input=False, include_context=False)[0]["loc"]
    if len(where) < 2 or (isinstance(where[1], int) and len(where) < 3):
        return ""
    table = f"table {where[1] + 1}" if isinstance(where[1], int) else f"table {where[1]}"
    return f"see `{to_camel_case(str(where[2]))}` in its {table}: " if len(where) > 2 else f"see its {table}: "


def _describe_unknown(entry: Entry) -> str | None:
    """Return a message if `entry` names no setting, with the most similar name; None if there is such a setting."""
    if entry.section not in Settings.model_fields:
        near = difflib.get_close_matches(entry.section, Settings.model_fields, n=1)
        hint = f"did you mean `{near[0]}`?" if near else f"there are {', '.join(Settings.model_fields)}."
        return f"there is no such section; {hint}"
    if entry.name in get_fields(entry.section):
        return None
    near = difflib.get_close_matches(entry.name, get_fields(entry.section), n=1)
    names = [to_camel_case(name) for name in get_fields(entry.section)]
    hint = f"did you mean `{to_camel_case(near[0])}`?" if near else f"`{entry.section}` has {', '.join(names)}."
    return f"there is no such setting; {hint}"
