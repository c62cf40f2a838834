"""The sources of settings, each read into a flat list of entries: the environment, TOML files, an editor's settings.

Does not check names and values; `assembly.settings` does. Raises nothing: a source that cannot be read becomes a
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
EDITOR = "editor"  # the name of the editor as a source
MAX_FILE_BYTES = bounds.SETTINGS_BYTES


@dataclass(frozen=True, slots=True)
class SettingProblem:
    """A problem with a setting, or with a whole source, that is therefore ignored.

    Attributes:
        key: the setting's name as written: `completion.maxTokens`, `STARLING_MODEL__NAME`; "" for a whole source.
        source: the source, for a person: a file's path, "environment" or "editor".
        message: the end of a sentence that begins with the key or the source: what is wrong, then what is allowed.
    """

    key: str
    source: str
    message: str

    def __str__(self) -> str:
        """Return the problem as one line for a log or a message box."""
        return f"{self.source}: {self.key}: {self.message}" if self.key else f"{self.source}: {self.message}"


@dataclass(frozen=True, slots=True)
class Entry:
    """One setting in one source; its names and value have not been checked.

    Attributes:
        written: the full name as written in the source.
        section: name of the section, in snake_case.
        name: name within the section, in snake_case.
        value: a value of JSON or TOML; a string if `textual`.
        source: the source, as in `SettingProblem`.
        textual: whether it is an environment variable, whose text is parsed leniently.
        workspace: whether it comes from a workspace's `.starling.toml`, which may not set everything.
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
    """The entries of one source of settings, and the problems that were found while reading the source."""

    entries: tuple[Entry, ...] = ()
    problems: tuple[SettingProblem, ...] = ()


def read_environment(environment: Mapping[str, str], sections: Collection[str]) -> Layer:
    """Return the settings in the variables `STARLING_<SECTION>__<NAME>`.

    A variable of a known section with a single underscore before the name is a problem; other variables are ignored.
    """
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
            message = f"is not a setting; write two underscores: {ENVIRONMENT_PREFIX}{head.upper()}__{rest.upper()}."
            problems.append(SettingProblem(variable, "environment", message))
    return Layer(tuple(entries), tuple(problems))


def read_file(path: Path, sections: Collection[str], *, workspace: bool = False) -> Layer:
    """Return the settings in the TOML file at `path`; an empty layer if the file does not exist.

    A file that cannot be read, is too large or is not TOML becomes a problem.

    Args:
        path: the file.
        sections: names of the known sections, for messages.
        workspace: whether the file belongs to a workspace.
    """
    source = str(path)
    try:
        content, _ = read_regular(path, MAX_FILE_BYTES + 1)
        if len(content) > MAX_FILE_BYTES:
            return _make_problem_layer(source, f"is larger than {MAX_FILE_BYTES:,} bytes, so it was not read.")
        data = parse_toml(content.decode())
    except (FileNotFoundError, NotADirectoryError):
        return Layer()
    except OSError as error:
        return _make_problem_layer(source, f"cannot be read ({error.strerror or error}), so it is ignored.")
    except ValueError as error:  # no TOML, no UTF-8, or a number of thousands of digits
        return _make_problem_layer(source, f"is not TOML ({error}), so it is ignored until you fix it.")
    return _flatten(data, source, sections, workspace=workspace)


def read_editor(sent: object, sections: Collection[str]) -> Layer:
    """Return the settings that an editor `sent`, nested or with dotted keys, with or without the prefix "starling".

    Leaves out null values. Anything but an object becomes a problem.
    """
    if isinstance(sent, dict) and isinstance(sent.get("starling"), dict):
        sent = sent["starling"]
    if sent is None:
        return Layer()
    if not isinstance(sent, dict):
        return _make_problem_layer(EDITOR, f"sent {format_value(sent)}, which is not an object of settings.")
    return _flatten(_nest_dotted_keys(sent), EDITOR, sections)


def format_value(value: object, most: int = 60) -> str:
    """Return the value as JSON for a message, cut after `most` characters."""
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        try:
            text = str(value)
        except (ValueError, RecursionError):  # Python writes no number of thousands of digits
            return "a value too long to show"
    return text if len(text) <= most else text[: most - 3] + "..."


def to_snake_case(name: str) -> str:
    """Return `maxTokens` as `max_tokens`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def _make_problem_layer(source: str, message: str) -> Layer:
    """Return a layer without entries, with a problem of the whole `source`."""
    return Layer(problems=(SettingProblem("", source, message),))


def _flatten(data: Mapping[str, object], source: str, sections: Collection[str], *, workspace: bool = False) -> Layer:
    """Return a layer with an entry for each name in the tables of `data`; a value outside of a table is a problem."""
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
            message = f"is not a section; the sections are {', '.join(sections)}."
            if section in sections:
                message = f"is a section and cannot be {format_value(inner)}; set `{section}.<name>`."
            problems.append(SettingProblem(section, source, message))
    return Layer(tuple(entries), tuple(problems))


def _nest_dotted_keys(data: Mapping[str, object]) -> dict[str, object]:
    """Return `data` with dotted keys (`"completion.maxTokens": 32`, with or without "starling.") as nested tables."""
    return dict(_merge(pair for key, value in data.items() for pair in _split_key(str(key), value)))


def _split_key(key: str, value: object) -> Iterator[tuple[str, object]]:
    """Yield one pair: the section of `key`, and a table with the rest of the key, or `value` if there is no dot."""
    section, dot, name = key.removeprefix("starling.").partition(".")
    yield section, {name: value} if dot else value


def _merge(pairs: Iterator[tuple[str, object]]) -> dict[str, object]:
    """Return the pairs as a dictionary; tables with the same key are joined, and a later value wins."""
    merged: dict[str, object] = {}
    for section, value in pairs:
        before = merged.get(section)
        merged[section] = before | value if isinstance(before, dict) and isinstance(value, dict) else value
    return merged
