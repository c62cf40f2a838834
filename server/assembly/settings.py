"""All settings, in one class, and the layers they come from.

`Settings` is the only place where a setting is declared: the editors' settings pages and the documentation are made
from it (`server.assembly.settings_reference`). `resolve` is a function of its arguments and holds no state, so a
reload is one more call.

| strength | layer | written as |
| --- | --- | --- |
| 1 (wins) | environment | `STARLING_COMPLETION__MAX_TOKENS=32` |
| 2 | the user's `settings.toml` (`server.state.paths.settings_file`) | `[completion]` `max_tokens = 32` |
| 3 | `.starling.toml` in a workspace folder, first folder first | the same, but only keys marked `workspace` |
| 4 | the editor, but no keys marked `personal` | `{"completion": {"maxTokens": 32}}` |
| 5 | the defaults below | |

Names may be written in camelCase or snake_case everywhere. `index.exclude`, `completion.exclude`, `review.rulesOn` and
`review.rulesOff` add up over the layers; of everything else the strongest layer counts alone. A wrong setting never
takes others with it: it is named in a `SettingProblem`, and the next weaker layer, in the end the default, is used in
its place. A workspace is somebody else's text: it can set nothing that starts, reaches, reveals or loads anything.
Start at `resolve`.
"""

from __future__ import annotations

import difflib
import json
import os
import re
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast, get_args, get_origin

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from server.assembly.endpoints import ChatSettings
from server.assembly.host_place import PERSONAL_HOST, HostPlace
from server.assembly.setting_sources import (
    EDITOR,
    Entry,
    SettingProblem,
    format_value,
    read_editor,
    read_environment,
    read_file,
)
from server.state import paths

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from pydantic.config import JsonDict
    from pydantic.fields import FieldInfo

__all__ = ["SettingProblem", "Settings", "resolve"]

WORKSPACE_FILE = ".starling.toml"

WORKSPACE: JsonDict = {"workspace": True}  # a workspace's own file may set it
ADDS_UP: JsonDict = {"workspace": True, "adds_up": True}  # ... and what all layers say counts together


def _check_pattern(text: str) -> str:
    """Return `text` if it is a pattern of a `.gitignore`.

    Raises:
        ValueError: it is not.
    """
    from pathspec import GitIgnoreSpec  # noqa: PLC0415 (56 ms, where there is a pattern)

    try:
        GitIgnoreSpec.from_lines([text])
    except re.error as error:
        raise ValueError(str(error)) from error
    return text


Glob = Annotated[str, Field(min_length=1, max_length=500), AfterValidator(_check_pattern)]
LanguageName = Annotated[str, Field(pattern=r"^[a-z0-9+#._-]{1,40}$")]
RuleName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,60}$")]


class CompletionSettings(BaseModel):
    """Inline completions: when they are asked for and what is shown."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    enabled: bool = Field(default=True, description="Offer completions at all.", json_schema_extra=WORKSPACE)
    automatic: bool = Field(
        default=True,
        description="Offer them while typing; when off, only where a person asks for one.",
        json_schema_extra=WORKSPACE,
    )
    popup: bool = Field(
        default=True,
        description="Offer them in the ordinary completion list too, to editors that cannot show inline completions.",
        json_schema_extra=WORKSPACE,
    )
    languages_off: tuple[LanguageName, ...] = Field(
        default=(),
        description='Languages to offer nothing in: `["markdown", "yaml"]`.',
        json_schema_extra=WORKSPACE,
    )
    exclude: tuple[Glob, ...] = Field(
        default=(),
        description="Files to offer nothing in, as in a `.gitignore`; all layers add up.",
        json_schema_extra=ADDS_UP,
    )
    multiline: Literal["auto", "never"] = Field(
        default="auto",
        description="`auto` offers whole blocks where the syntax asks for one; `never` offers single lines only.",
        json_schema_extra=WORKSPACE,
    )
    max_tokens: int = Field(
        default=192,
        ge=1,
        le=512,
        description="Most tokens a model may write for one suggestion; a single line gets at most 48 of them.",
        json_schema_extra=WORKSPACE,
    )
    min_confidence: float = Field(
        default=0.5,
        ge=0.0,
        le=1.0,
        description="Shown while typing only if the next line is right with at least this estimated probability; "
        "whoever asks sees what is below it too.",
        json_schema_extra=WORKSPACE,
    )
    recall: bool = Field(
        default=True,
        description="Offer what this workspace itself wrote after the same code; needs the index, and no model.",
        json_schema_extra=WORKSPACE,
    )
    adaptive: bool = Field(
        default=True,
        description="Let what you accept and reject move `minConfidence` a little; the record stays on this machine.",
        json_schema_extra=WORKSPACE,
    )
    timeout_ms: int = Field(
        default=3000,
        ge=50,
        le=60_000,
        description="Longest wait for a small model while typing, milliseconds; what is known without it is offered "
        "then.",
        json_schema_extra=WORKSPACE,
    )
    typing_ms: int = Field(
        default=500,
        ge=50,
        le=60_000,
        description="Time budget of a large model (over 100 million parameters) while typing, milliseconds: its prompt "
        "is as long as it can read by then; when the time is over, what is known without it is offered.",
        json_schema_extra=WORKSPACE,
    )
    asking_ms: int = Field(
        default=2000,
        ge=50,
        le=60_000,
        description="The same where a person asks; the whole lines that it has written by then are offered.",
        json_schema_extra=WORKSPACE,
    )
    alternatives: int = Field(
        default=3,
        ge=1,
        le=10,
        description="Most suggestions offered where a person asks for one.",
        json_schema_extra=WORKSPACE,
    )
    debounce_ms: int = Field(
        default=0,
        ge=0,
        le=2000,
        description="How long typing must rest before the model computes, milliseconds; what needs no model is shown "
        "at once.",
        json_schema_extra=WORKSPACE,
    )


class IndexSettings(BaseModel):
    """The index of the workspace that completions and searches draw from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    enabled: bool = Field(
        default=True,
        description="Index the workspace; when off, completions know the open files only.",
        json_schema_extra=WORKSPACE,
    )
    exclude: tuple[Glob, ...] = Field(
        default=(),
        description="Files neither indexed nor sent to a model, as in a `.gitignore`, beside what `.gitignore`, "
        "`.starlingignore` and the built-in list name; all layers add up.",
        json_schema_extra=ADDS_UP,
    )
    max_file_bytes: int = Field(
        default=1_048_576,
        ge=1_000,
        le=50_000_000,
        description="Files larger than this are left out.",
        json_schema_extra=WORKSPACE,
    )
    max_files: int = Field(
        default=100_000,
        ge=1,
        le=5_000_000,
        description="The index stops taking in files at this number.",
        json_schema_extra=WORKSPACE,
    )
    watch: bool = Field(
        default=True,
        description="Watch the disk ourselves where the editor does not tell of changed files.",
        json_schema_extra=WORKSPACE,
    )


class ModelSettings(BaseModel):
    """The model that writes completions."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    enabled: bool = Field(
        default=True, description="Use a model; when off, completions come from the workspace's own code alone."
    )
    name: str = Field(
        default="",
        max_length=200,
        description="Name of the model, as `starling models list` shows it; empty for the bundled one.",
    )
    device: Literal["auto", "cpu", "cuda"] = Field(
        default="auto", description="Where it computes; `auto` takes a GPU if one works."
    )
    compute_type: Literal[
        "auto", "int8", "int8_float32", "int8_float16", "int8_bfloat16", "int16", "float16", "bfloat16", "float32"
    ] = Field(default="auto", description="Numeric type of the weights while computing; `auto` is int8 on a CPU.")
    threads: int = Field(
        default=0,
        ge=0,
        le=256,
        description="CPU threads of one computation; 0 measures once what is fastest here.",
    )
    hint: bool = Field(
        default=True,
        description="Mention `starling models recommend` once, at the first start, unless `name` is set or `host` is "
        "an address.",
    )
    host: HostPlace = Field(
        default="auto",
        description="Where the model's weights are: `auto` keeps small ones (under 200 MB) in the server and large "
        "ones, and those that a GPU computes, in one process for all servers of yours; `always` does that with small "
        "ones too, `off` with none; or the address of a server that speaks OpenAI's completions, where your code is "
        "sent then.",
        json_schema_extra=PERSONAL_HOST,
    )


class ReviewSettings(BaseModel):
    """The review of code: what is looked at, when, and what of it is shown."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    enabled: bool = Field(default=True, description="Review code at all.", json_schema_extra=WORKSPACE)
    static: bool = Field(
        default=True, description="Review by syntax, and Python by ruff too.", json_schema_extra=WORKSPACE
    )
    likelihood: Literal["auto", "always", "never"] = Field(
        default="auto",
        description="Let the completion model look for slips, code that it finds far less likely than an alternative: "
        "`auto` where it was measured to raise few false alarms, `always` wherever it was measured at all.",
        json_schema_extra=WORKSPACE,
    )
    model: bool = Field(
        default=True, description="Let the chat model review what changed, where one is configured; it costs tokens."
    )
    rules_off: tuple[RuleName, ...] = Field(
        default=(),
        description='Rules whose findings are not shown: `["duplicate-key", "F401"]`; all layers add up.',
        json_schema_extra=ADDS_UP,
    )
    rules_on: tuple[RuleName, ...] = Field(
        default=(),
        description="Rules that are off by default and speak here: `todo-without-owner`, `many-parameters`, "
        "`long-function`; all layers add up.",
        json_schema_extra=ADDS_UP,
    )
    languages_off: tuple[LanguageName, ...] = Field(
        default=(), description='Languages to review nothing in: `["markdown"]`.', json_schema_extra=WORKSPACE
    )
    ruff: Literal["auto", "always", "never"] = Field(
        default="auto",
        description="Have ruff look at Python: `auto` leaves to your own ruff what its configuration selects, `always` "
        "reports that too.",
        json_schema_extra=WORKSPACE,
    )
    cognitive: int = Field(
        default=30,
        ge=1,
        le=1000,
        description="Most cognitive complexity of a function that is no finding.",
        json_schema_extra=WORKSPACE,
    )
    cyclomatic: int = Field(
        default=25,
        ge=1,
        le=1000,
        description="Most cyclomatic complexity of a function that is no finding.",
        json_schema_extra=WORKSPACE,
    )
    function_lines: int = Field(
        default=120,
        ge=1,
        le=10_000,
        description="Most lines of code of a function that is no finding.",
        json_schema_extra=WORKSPACE,
    )
    nesting: int = Field(
        default=5,
        ge=1,
        le=100,
        description="Most levels of nested statements that are no finding.",
        json_schema_extra=WORKSPACE,
    )
    parameters: int = Field(
        default=7,
        ge=1,
        le=100,
        description="Most parameters that must be given by position and are no finding.",
        json_schema_extra=WORKSPACE,
    )
    severity: Literal["error", "warning", "information", "hint"] = Field(
        default="hint", description="The least severe kind of finding that is shown.", json_schema_extra=WORKSPACE
    )
    delay_ms: int = Field(
        default=400,
        ge=0,
        le=10_000,
        description="How long typing must rest before a changed text is reviewed, milliseconds; what is opened or "
        "saved is reviewed at once.",
        json_schema_extra=WORKSPACE,
    )
    max_file_bytes: int = Field(
        default=500_000,
        ge=1_000,
        le=10_000_000,
        description="Texts larger than this are not reviewed.",
        json_schema_extra=WORKSPACE,
    )
    workspace: bool = Field(
        default=True,
        description="Review files that are not open too, for editors that ask for the whole workspace.",
        json_schema_extra=WORKSPACE,
    )
    workspace_files: int = Field(
        default=2000,
        ge=1,
        le=100_000,
        description="Most files reviewed of a workspace without being open.",
        json_schema_extra=WORKSPACE,
    )
    test_command: str = Field(
        default="",
        max_length=1000,
        description="What runs the tests of a workspace, `uv run coverage run -m pytest`; empty for the usual one of "
        "what the workspace is. You are shown it and asked each time.",
    )
    test_timeout_s: int = Field(
        default=600, ge=1, le=86_400, description="Tests that take longer are stopped, seconds."
    )


class LogSettings(BaseModel):
    """The log: human lines on stderr, JSON in a rotating file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="The least important kind of record that is written to the file."
    )
    file: bool = Field(default=True, description="Write the log file.")
    max_bytes: int = Field(
        default=5_000_000,
        ge=10_000,
        le=1_000_000_000,
        description="The file is set aside and a new one begun at this size; three old ones are kept.",
    )
    texts: bool = Field(
        default=False,
        description="Log prompts and completions too, which hold your code; for finding errors, on your own machine.",
    )


class Settings(BaseModel):
    """Every setting there is. Frozen; made by `resolve`, or `Settings()` for the defaults."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    completion: CompletionSettings = Field(default=CompletionSettings(), description="Inline completions.")
    index: IndexSettings = Field(default=IndexSettings(), description="The index of the workspace.")
    model: ModelSettings = Field(default=ModelSettings(), description="The model that writes completions.")
    review: ReviewSettings = Field(default=ReviewSettings(), description="The review of code.")
    chat: ChatSettings = Field(default=ChatSettings(), description="The chat model.")
    log: LogSettings = Field(default=LogSettings(), description="The log.")


def resolve(
    *,
    editor: object = None,
    roots: Sequence[Path] = (),
    environment: Mapping[str, str] | None = None,
    user_file: Path | None = None,
) -> tuple[Settings, tuple[SettingProblem, ...]]:
    """Return the settings in force, and the problems of all layers.

    Args:
        editor: `initializationOptions` or the answer to `workspace/configuration`; None for nothing.
        roots: workspace folders, the first is the strongest.
        environment: defaults to that of this process.
        user_file: defaults to `server.state.paths.settings_file()`; need not exist.
    """
    sections = tuple(Settings.model_fields)
    layers = [
        read_environment(os.environ if environment is None else environment, sections),
        read_file(paths.settings_file() if user_file is None else user_file, sections),
        *(read_file(root / WORKSPACE_FILE, sections, workspace=True) for root in roots),
        read_editor(editor, sections),
    ]
    problems: dict[SettingProblem, None] = {}  # in order, each once
    merged: dict[str, Any] = {}
    for layer in layers:
        problems |= dict.fromkeys(layer.problems)
        for entry in layer.entries:
            value = check_entry(entry)
            if isinstance(value, SettingProblem):
                problems[value] = None
                continue
            values = merged.setdefault(entry.section, {})
            if has_mark(get_fields(entry.section)[entry.name], "adds_up"):
                values[entry.name] = tuple(dict.fromkeys((*values.get(entry.name, ()), *value)))
            else:
                values.setdefault(entry.name, value)
    return Settings(**merged), tuple(problems)


def check_entry(entry: Entry) -> Any:  # noqa: ANN401 (a field's type)
    """Return the entry's value in its field's type, or the `SettingProblem` with it."""
    if (unknown := _describe_unknown(entry)) is not None:
        return SettingProblem(entry.written, entry.source, unknown)
    field = get_fields(entry.section)[entry.name]
    if entry.workspace and not has_mark(field, "workspace"):
        message = "cannot be set by a workspace; set it in your own settings.toml or in the environment."
        return SettingProblem(entry.written, entry.source, message)
    if entry.source == EDITOR and has_mark(field, "personal"):
        message = (
            "cannot be set by an editor, which passes on what a workspace says; set it in your own settings.toml or in "
            "the environment."
        )
        return SettingProblem(entry.written, entry.source, message)
    try:
        return _validate(entry)
    except (
        ValueError,
        TypeError,
        RecursionError,
    ) as error:  # pydantic's ValidationError is a ValueError; a TOML date is no JSON: TypeError
        # a personal value may be a key in the wrong place
        said = "the value" if has_mark(field, "personal") else format_value(entry.value)
        message = (
            f"{said} is not allowed, {_locate_in_table(error, field)}it must be {describe_allowed(field)}; "
            f"what is set elsewhere counts, or the default, {json.dumps(field.default)}."
        )
        return SettingProblem(entry.written, entry.source, message)


def get_section(section: str) -> type[BaseModel]:
    """Return the class of `section`."""
    annotation: Any = Settings.model_fields[section].annotation
    return cast("type[BaseModel]", annotation)


def get_fields(section: str) -> dict[str, FieldInfo]:
    """Return the fields of a section by their names in snake_case."""
    return get_section(section).model_fields


def has_mark(field: FieldInfo, mark: Literal["workspace", "adds_up", "personal"]) -> bool:
    """Whether a field carries one of our marks."""
    extra = field.json_schema_extra
    return isinstance(extra, dict) and bool(extra.get(mark))


def to_camel_case(name: str) -> str:
    """Return `max_tokens` as `maxTokens`."""
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)


def describe_allowed(field: FieldInfo) -> str:
    """Return the allowed values of a field in words."""
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


def _validate(entry: Entry) -> Any:  # noqa: ANN401 (a field's type)
    model, value = get_section(entry.section), entry.value
    if entry.textual and get_origin(get_fields(entry.section)[entry.name].annotation) is tuple:
        text = str(value).strip()
        value = json.loads(text) if text.startswith("[") else [part.strip() for part in text.split(",") if part.strip()]
    elif entry.textual:
        return getattr(model.model_validate_strings({entry.name: str(value).strip()}), entry.name)
    # strictly, by JSON's own types: "3" is no number and 1 is not true
    return getattr(model.model_validate_json(json.dumps({entry.name: value}), strict=True), entry.name)


def _locate_in_table(error: Exception, field: FieldInfo) -> str:
    """Return the position of an error in a list of tables; "" for any other setting."""
    if get_origin(field.annotation) is not tuple or not isinstance(error, ValidationError):
        return ""
    where = error.errors(include_url=False, include_input=False, include_context=False)[0]["loc"]
    if len(where) < 3 or not isinstance(where[1], int):
        return ""
    return f"see `{to_camel_case(str(where[2]))}` in its table {where[1] + 1}: "


def _describe_unknown(entry: Entry) -> str | None:
    """Return a message that names the nearest setting if there is no such one; else None."""
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
