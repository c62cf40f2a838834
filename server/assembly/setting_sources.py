"""The sources that settings come from, each read into flat entries; what they mean is `assembly.settings`' business.

Reads the environment, TOML files and what an editor sent. Never fails: what cannot be read becomes a
`SettingProblem`. Start at `read_file`.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from indexing import bounds
from indexing.workspace.files import parse_toml, read_regular

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from pathlib import Path

ENVIRONMENT_PREFIX = "STARLING_"
EDITOR = "editor"  # the source of what an editor sent
MAX_FILE_BYTES = bounds.SETTINGS_BYTES


@dataclass(frozen=True, slots=True)
class SettingProblem:
    """A setting that is not in force.

    Attributes:
        key: as it was written: `completion.maxTokens`, `STARLING_MODEL__NAME`; "" when a whole source is meant.
        source: where it came from, for a person: a file's path, "environment", "editor".
        message: one sentence: what is wrong, what is allowed, what counts instead.
    """

    key: str
    source: str
    message: str

    def __str__(self) -> str:
        """Return the problem as one line for a log or a message box."""
        return f"{self.source}: {self.key}: {self.message}" if self.key else f"{self.source}: {self.message}"


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that a source says.

    Attributes:
        written: the name as it was written there.
        section: in snake_case.
        name: in snake_case.
        value: what JSON can hold, or what TOML can; a string when `textual`.
        source: as in `SettingProblem`.
        textual: an environment variable's string, to be read leniently.
        workspace: said by a workspace's own file, which may not set everything.
    """

    written: str
    section: str
    name: str
    value: object
    source: str
    textual: bool = False
    workspace: bool = False


@dataclass(frozen=True, slots=True)
class Layer:
    """The entries of one source of settings, and its problem as a whole."""

    entries: tuple[Entry, ...] = ()
    problems: tuple[SettingProblem, ...] = ()


def read_environment(environment: Mapping[str, str], sections: Collection[str]) -> Layer:
    """Read the variables `STARLING_<SECTION>__<NAME>`; a single underscore between the two is a problem."""
    entries: list[Entry] = []
    problems: list[SettingProblem] = []
    for variable, value in sorted(environment.items()):
        if not variable.upper().startswith(ENVIRONMENT_PREFIX):
            continue
        section, separator, name = variable[len(ENVIRONMENT_PREFIX) :].lower().partition("__")
        head, _, rest = section.partition("_")
        if separator:
            entries.append(Entry(variable, section, name, value, "environment", textual=True))
        elif head in sections and rest:
            message = f"is no setting; write two underscores: {ENVIRONMENT_PREFIX}{head.upper()}__{rest.upper()}."
            problems.append(SettingProblem(variable, "environment", message))
    return Layer(tuple(entries), tuple(problems))


def read_file(path: Path, sections: Collection[str], *, workspace: bool = False) -> Layer:
    """Read a TOML file of tables; a missing file has no entries."""
    source = str(path)
    try:
        content, _ = read_regular(path, MAX_FILE_BYTES + 1)
        if len(content) > MAX_FILE_BYTES:
            return _make_problem_layer(source, f"is larger than {MAX_FILE_BYTES:,} bytes and was not read.")
        data = parse_toml(content.decode())
    except (FileNotFoundError, NotADirectoryError):
        return Layer()
    except OSError as error:
        return _make_problem_layer(source, f"cannot be read ({error.strerror or error}); nothing in it counts.")
    except ValueError as error:  # no TOML, no UTF-8, or a number of thousands of digits
        return _make_problem_layer(source, f"is not TOML ({error}); none of it counts until it is fixed.")
    return _flatten(data, source, sections, workspace=workspace)


def read_editor(sent: object, sections: Collection[str]) -> Layer:
    """Read the settings of an editor, nested or with dotted keys, with or without "starling"; null means not set."""
    if isinstance(sent, dict) and isinstance(sent.get("starling"), dict):
        sent = sent["starling"]
    if sent is None:
        return Layer()
    if not isinstance(sent, dict):
        return _make_problem_layer(EDITOR, f"sent {format_value(sent)} where an object of settings belongs.")
    return _flatten(_nest(sent), EDITOR, sections)


def format_value(value: object) -> str:
    """Return the start of a value for a message."""
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        try:
            text = str(value)
        except (ValueError, RecursionError):  # Python writes no number of thousands of digits
            return "what is too long to show"
    return text if len(text) <= 60 else text[:57] + "..."


def to_snake_case(name: str) -> str:
    """Return `maxTokens` as `max_tokens`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def _make_problem_layer(source: str, message: str) -> Layer:
    return Layer(problems=(SettingProblem("", source, message),))


def _flatten(data: Mapping[str, object], source: str, sections: Collection[str], *, workspace: bool = False) -> Layer:
    entries: list[Entry] = []
    problems: list[SettingProblem] = []
    for section, inner in data.items():
        if isinstance(inner, dict):
            entries += [
                Entry(
                    f"{section}.{name}",
                    to_snake_case(section),
                    to_snake_case(str(name)),
                    value,
                    source,
                    workspace=workspace,
                )
                for name, value in inner.items()
                if value is not None
            ]
        elif inner is not None:
            message = f"is no setting; there are the sections {', '.join(sections)}."
            if section in sections:
                message = f"is a section and cannot be {format_value(inner)}; set `{section}.<name>`."
            problems.append(SettingProblem(section, source, message))
    return Layer(tuple(entries), tuple(problems))


def _nest(data: Mapping[str, object]) -> dict[str, object]:
    """Turn dotted keys (`"completion.maxTokens": 32`, with or without "starling.") into nested tables."""
    return dict(_merge(pair for key, value in data.items() for pair in _split_key(str(key), value)))


def _split_key(key: str, value: object) -> Iterator[tuple[str, object]]:
    section, dot, name = key.removeprefix("starling.").partition(".")
    yield section, {name: value} if dot else value


def _merge(pairs: Iterator[tuple[str, object]]) -> dict[str, object]:
    merged: dict[str, object] = {}
    for section, value in pairs:
        before = merged.get(section)
        merged[section] = before | value if isinstance(before, dict) and isinstance(value, dict) else value
    return merged
