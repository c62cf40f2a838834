"""The sections of the settings, one class each, except chat (`endpoints`) and team (`team_settings`).

Declares names, types, bounds, defaults and descriptions; `settings` combines the sections and reads their values. Start
at `CompletionSettings`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from server.assembly.host_place import PERSONAL_HOST, PERSONAL_REPLICAS, HostPlace, Replicas

if TYPE_CHECKING:
    from pydantic.config import JsonDict

WORKSPACE: JsonDict = {"workspace": True}  # a workspace's `.starling.toml` may set it
PERSONAL: JsonDict = {"personal": True}  # no editor may set it, as an editor may pass on a workspace's settings
ADDS_UP: JsonDict = {"workspace": True, "adds_up": True}  # and the values of all layers are joined


def _check_pattern(text: str) -> str:
    """Return `text` unchanged if it is a valid pattern of a `.gitignore`; for pydantic.

    Raises:
        ValueError: `text` is no valid pattern.
    """
    from pathspec import GitIgnoreSpec  # noqa: PLC0415 (56 ms, only if there is a pattern)

    try:
        GitIgnoreSpec.from_lines([text])
    except re.error as error:
        raise ValueError(str(error)) from error
    return text


Glob = Annotated[str, Field(min_length=1, max_length=500), AfterValidator(_check_pattern)]
LanguageName = Annotated[str, Field(pattern=r"^[a-z0-9+#._-]{1,40}$")]
RuleName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,60}$")]


class CompletionSettings(BaseModel):
    """The settings of completions: when they are offered, and what they contain."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    enabled: bool = Field(default=True, description="Offer completions.", json_schema_extra=WORKSPACE)
    automatic: bool = Field(
        default=True,
        description="Offer completions while you type; when off, only when you ask for one.",
        json_schema_extra=WORKSPACE,
    )
    popup: bool = Field(
        default=True,
        description="Also offer completions in the ordinary completion list of editors that cannot show them inline.",
        json_schema_extra=WORKSPACE,
    )
    languages_off: tuple[LanguageName, ...] = Field(
        default=(),
        description='Languages without completions: `["markdown", "yaml"]`.',
        json_schema_extra=WORKSPACE,
    )
    exclude: tuple[Glob, ...] = Field(
        default=(),
        description="Files without completions, as patterns of a `.gitignore`; the lists of all layers are joined.",
        json_schema_extra=ADDS_UP,
    )
    multiline: Literal["auto", "never"] = Field(
        default="auto",
        description="`auto` offers a whole block where the syntax expects one; `never` offers single lines only.",
        json_schema_extra=WORKSPACE,
    )
    max_tokens: int = Field(
        default=192,
        ge=1,
        le=512,
        description="Most tokens that a model writes for one suggestion; a single line has at most 48.",
        json_schema_extra=WORKSPACE,
    )
    min_confidence: float = Field(
        default=0.6,
        ge=0.0,
        le=1.0,
        description="While you type, a suggestion is shown only if it is right with at least this estimated "
        "probability; when you ask for one, less likely suggestions are shown too.",
        json_schema_extra=WORKSPACE,
    )
    recall: bool = Field(
        default=True,
        description="Offer the code that follows the same lines elsewhere in this workspace; needs the index, but no "
        "model.",
        json_schema_extra=WORKSPACE,
    )
    adaptive: bool = Field(
        default=True,
        description="Adjust `minConfidence` a little to the suggestions that you accept and reject; the record of them "
        "stays on this machine.",
        json_schema_extra=WORKSPACE,
    )
    timeout_ms: int = Field(
        default=3000,
        ge=50,
        le=60_000,
        description="Longest wait for a small model while you type, in milliseconds; after that, suggestions that need "
        "no model are offered.",
        json_schema_extra=WORKSPACE,
    )
    typing_ms: int = Field(
        default=500,
        ge=50,
        le=60_000,
        description="Time for a large model (over 100 million parameters) while you type, in milliseconds; its prompt "
        "is cut to what it can read in that time. After that, suggestions that need no model are offered.",
        json_schema_extra=WORKSPACE,
    )
    asking_ms: int = Field(
        default=2000,
        ge=50,
        le=60_000,
        description="Time for a large model when you ask for a suggestion, in milliseconds; after that, the complete "
        "lines that it has written so far are offered.",
        json_schema_extra=WORKSPACE,
    )
    alternatives: int = Field(
        default=3,
        ge=1,
        le=10,
        description="Most suggestions offered when you ask for one.",
        json_schema_extra=WORKSPACE,
    )
    debounce_ms: int = Field(
        default=0,
        ge=0,
        le=2000,
        description="Pause in typing before the model computes, in milliseconds; suggestions that need no model are "
        "shown at once.",
        json_schema_extra=WORKSPACE,
    )


class NextEditSettings(BaseModel):
    """The settings of next edits."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    enabled: bool = Field(
        default=True,
        description="After a change, offer the next place to change with its text: other uses of a renamed name, calls "
        "of a changed function.",
        json_schema_extra=WORKSPACE,
    )
    languages_off: tuple[LanguageName, ...] = Field(
        default=(),
        description='Languages without next edits: `["markdown", "yaml"]`.',
        json_schema_extra=WORKSPACE,
    )


class IndexSettings(BaseModel):
    """The settings of the workspace's index, which completions and searches use."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    enabled: bool = Field(
        default=True,
        description="Index the workspace; when off, completions use the open files only.",
        json_schema_extra=WORKSPACE,
    )
    exclude: tuple[Glob, ...] = Field(
        default=(),
        description="Files that are neither indexed nor sent to a model, as patterns of a `.gitignore`, in addition to "
        "those in `.gitignore`, `.starlingignore` and the built-in list; the lists of all layers are joined.",
        json_schema_extra=ADDS_UP,
    )
    max_file_bytes: int = Field(
        default=1_048_576,
        ge=1_000,
        le=50_000_000,
        description="Files larger than this are not indexed.",
        json_schema_extra=WORKSPACE,
    )
    max_files: int = Field(
        default=100_000,
        ge=1,
        le=5_000_000,
        description="Most files that are indexed.",
        json_schema_extra=WORKSPACE,
    )
    disk_mb: int = Field(
        default=4_000,
        ge=100,
        le=1_000_000,
        description="Most megabytes on the disk for the indexes of all workspaces and libraries together; the least "
        "recently used are deleted, never one in use.",
    )
    watch: bool = Field(
        default=True,
        description="Watch the disk for changed files if the editor does not report them.",
        json_schema_extra=WORKSPACE,
    )
    libraries: bool = Field(
        default=True,
        description="Index the installed libraries that the workspace uses, so that completions can recall their code.",
        json_schema_extra=WORKSPACE,
    )
    libraries_mb: int = Field(
        default=1_000,
        ge=50,
        le=100_000,
        description="Most megabytes on the disk for the index of libraries, which all workspaces share; the least "
        "recently used parts are deleted first.",
    )
    embedder: str = Field(
        default="auto",
        max_length=100,
        description="The installed embedding model with which searches in plain words also find code by its meaning: "
        'its name, "auto" for the smallest one, "" for none.',
    )


class ModelSettings(BaseModel):
    """The settings of the completion model."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    enabled: bool = Field(
        default=True, description="Use a completion model; when off, completions come from the workspace's code alone."
    )
    name: str = Field(
        default="",
        max_length=200,
        description="Name of the model, as `starling models list` shows it; empty for the bundled model.",
    )
    device: Literal["auto", "cpu", "cuda"] = Field(
        default="auto", description="Where the model computes; `auto` uses a GPU if one works."
    )
    compute_type: Literal[
        "auto", "int8", "int8_float32", "int8_float16", "int8_bfloat16", "int16", "float16", "bfloat16", "float32"
    ] = Field(default="auto", description="Numeric type that the model computes with; `auto` is int8 on a CPU.")
    threads: int = Field(
        default=0,
        ge=0,
        le=256,
        description="CPU threads of one computation; 0 for the fastest number, which is measured once.",
    )
    hint: bool = Field(
        default=True,
        description="Suggest `starling models recommend` once, at the first start, unless `name` is set or `host` is "
        "an address.",
    )
    host: HostPlace = Field(
        default="auto",
        description="Process that holds the model's weights. `auto`: the server holds a small model (under 200 MB) "
        "itself; a large model, or one on a GPU, is held by one process that all your servers share. `always`: the "
        "shared process holds small models too. `off`: each server holds its own model. Or the address of a server "
        "with OpenAI's completions API; your code is then sent to that server.",
        json_schema_extra=PERSONAL_HOST,
    )
    replicas: Replicas = Field(
        default=(),
        description="Further addresses of servers of the same kind with the same model, if `host` is an http:// or "
        "https:// address; a request goes to the least busy one that answers. Your code is then sent to each of them.",
        json_schema_extra=PERSONAL_REPLICAS,
    )


class ReviewSettings(BaseModel):
    """The settings of the review: what is reviewed, when, and which findings are shown."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    enabled: bool = Field(default=True, description="Review code.", json_schema_extra=WORKSPACE)
    static: bool = Field(
        default=True,
        description="Review by rules on the syntax, and Python also with ruff.",
        json_schema_extra=WORKSPACE,
    )
    likelihood: Literal["auto", "always", "never"] = Field(
        default="auto",
        description="Let the completion model look for slips: code that it considers far less likely than an "
        "alternative. `auto` for languages in which it raised few false alarms when measured, `always` for all "
        "languages in which it was measured.",
        json_schema_extra=WORKSPACE,
    )
    model: bool = Field(
        default=True, description="Let the chat model, if one is configured, review changed code; this costs tokens."
    )
    rules_off: tuple[RuleName, ...] = Field(
        default=(),
        description='Rules whose findings are not shown: `["duplicate-key", "F401"]`; the lists of all layers are '
        "joined.",
        json_schema_extra=ADDS_UP,
    )
    rules_on: tuple[RuleName, ...] = Field(
        default=(),
        description="Rules to turn on that are off by default: `todo-without-owner`, `many-parameters`, "
        "`long-function`; the lists of all layers are joined.",
        json_schema_extra=ADDS_UP,
    )
    languages_off: tuple[LanguageName, ...] = Field(
        default=(), description='Languages that are not reviewed: `["markdown"]`.', json_schema_extra=WORKSPACE
    )
    ruff: Literal["auto", "always", "never"] = Field(
        default="auto",
        description="Review Python with ruff: `auto` leaves out the rules that your own ruff configuration selects, "
        "`always` reports those too.",
        json_schema_extra=WORKSPACE,
    )
    cognitive: int = Field(
        default=30,
        ge=1,
        le=1000,
        description="Cognitive complexity above which a function is a finding.",
        json_schema_extra=WORKSPACE,
    )
    cyclomatic: int = Field(
        default=25,
        ge=1,
        le=1000,
        description="Cyclomatic complexity above which a function is a finding.",
        json_schema_extra=WORKSPACE,
    )
    function_lines: int = Field(
        default=120,
        ge=1,
        le=10_000,
        description="Lines of code above which a function is a finding.",
        json_schema_extra=WORKSPACE,
    )
    nesting: int = Field(
        default=5,
        ge=1,
        le=100,
        description="Levels of nested statements above which a function is a finding.",
        json_schema_extra=WORKSPACE,
    )
    parameters: int = Field(
        default=7,
        ge=1,
        le=100,
        description="Number of positional parameters above which a function is a finding.",
        json_schema_extra=WORKSPACE,
    )
    severity: Literal["error", "warning", "information", "hint"] = Field(
        default="hint", description="Findings less severe than this are not shown.", json_schema_extra=WORKSPACE
    )
    delay_ms: int = Field(
        default=400,
        ge=0,
        le=10_000,
        description="Pause in typing before a changed file is reviewed, in milliseconds; a file is reviewed at once "
        "when it is opened or saved.",
        json_schema_extra=WORKSPACE,
    )
    max_file_bytes: int = Field(
        default=500_000,
        ge=1_000,
        le=10_000_000,
        description="Files larger than this are not reviewed.",
        json_schema_extra=WORKSPACE,
    )
    workspace: bool = Field(
        default=True,
        description="Also review files that are not open, for editors that show the findings of the whole workspace.",
        json_schema_extra=WORKSPACE,
    )
    workspace_files: int = Field(
        default=2000,
        ge=1,
        le=100_000,
        description="Most files of a workspace that are reviewed without being open.",
        json_schema_extra=WORKSPACE,
    )
    test_command: str = Field(
        default="",
        max_length=1000,
        description="Command that runs the tests of a workspace, such as `uv run coverage run -m pytest`; empty for "
        "what the workspace has: pytest, npm's test script, `go test`, `cargo test` or "
        "unittest. You are shown the command and asked before each run.",
    )
    test_timeout_s: int = Field(
        default=600, ge=1, le=86_400, description="Longest run of the tests, in seconds; then they are stopped."
    )


class LogSettings(BaseModel):
    """The settings of the log file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Records less important than this are not written to the log file."
    )
    file: bool = Field(default=True, description="Write the log file.")
    max_bytes: int = Field(
        default=5_000_000,
        ge=10_000,
        le=1_000_000_000,
        description="Size at which the log file is renamed and a new one begun; three old files are kept.",
    )
    texts: bool = Field(
        default=False,
        description="Also log prompts and completions, which contain your code; to find errors on your own machine.",
    )
    actions: bool = Field(default=True, description="Log the actions of the team of agents, in files of their own.")
    actions_bytes: int = Field(
        default=100_000_000,
        ge=100_000,
        le=10_000_000_000,
        description="Size of all files with actions together; then the oldest are deleted.",
    )
    actions_days: int = Field(default=7, ge=1, le=3650, description="Days after which a file with actions is deleted.")
