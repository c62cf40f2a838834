"""The tools that an agent may use: by name, as specifications for a model, and with arguments validated.

Start at `Toolset`.
"""

from __future__ import annotations

import difflib
import functools
import json
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from agents.team.failure import ToolFailed
from models.chat import ToolSpec

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from collections.abc import Set as AbstractSet

    from agents.team.role_files import Role
    from agents.team.tool import Arguments, TeamTool

MOST_PROBLEMS = 5


class Toolset:
    """Some of the team's tools, by name."""

    def __init__(self, tools: Iterable[TeamTool[Any]]) -> None:
        self._tools = {one.name: one for one in tools}

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all tools."""
        return tuple(self._tools)

    def select(self, loaded: AbstractSet[str]) -> tuple[TeamTool[Any], ...]:
        """Return the tools of the capability sets in `loaded`, and those that are in none."""
        return tuple(one for one in self._tools.values() if _is_loaded(one, loaded))

    def list_specs(self, loaded: AbstractSet[str]) -> tuple[ToolSpec, ...]:
        """Return the specifications of the selected tools for a model."""
        return tuple(ToolSpec(one.name, one.description, describe_arguments(one)) for one in self.select(loaded))

    def find(self, name: str, loaded: AbstractSet[str]) -> TeamTool[Any]:
        """Return the tool `name`.

        Raises:
            ToolFailed: there is none, or its capability set is not loaded; says what there is instead.
        """
        found = self._tools.get(name)
        if found is None:
            near = difflib.get_close_matches(name, self._tools, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(self._tools)}."
            raise ToolFailed(f"There is no tool {name[:100]!r}; {hint}")
        if not _is_loaded(found, loaded):
            raise ToolFailed(f"{name} is in the capability set {found.capabilities[0]!r}; load it with `need` first.")
        return found


def _is_loaded(tool: TeamTool[Any], loaded: AbstractSet[str]) -> bool:
    """Return whether the model may see the tool: it belongs to a loaded capability, or to none."""
    return not tool.capabilities or not loaded.isdisjoint(tool.capabilities)


def validate(tool: TeamTool[Any], arguments: Mapping[str, Any]) -> Arguments:
    """Return the arguments of a call as the tool's own record.

    Raises:
        ToolFailed: they do not fit; names up to `MOST_PROBLEMS` problems and the right form.
    """
    try:
        given: Arguments = tool.arguments.model_validate(dict(arguments))
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, one['loc'])) or 'arguments'}: {one['msg']}" for one in error.errors()[:MOST_PROBLEMS]
        )
        schema = describe_arguments(tool)
        wanted = json.dumps(schema["properties"])
        named = f" with $defs: {json.dumps(schema['$defs'])}" if "$defs" in schema else ""
        raise ToolFailed(f"The arguments of {tool.name} are wrong ({problems}). It takes: {wanted}{named}") from None
    return given


def describe_arguments(tool: TeamTool[Any]) -> dict[str, Any]:
    """Return the JSON schema of a tool's arguments."""
    arguments: type[Arguments] = tool.arguments
    return _make_schema(arguments)


@functools.cache
def _make_schema(arguments: type[Arguments]) -> dict[str, Any]:
    """Return the JSON schema of a tool's arguments without the titles that pydantic adds, to save tokens."""
    schema: dict[str, Any] = _strip_titles(arguments.model_json_schema())
    schema.setdefault("properties", {})
    schema.pop("description", None)
    return schema


def _strip_titles(schema: Any) -> Any:  # noqa: ANN401 (JSON)
    """Return the schema without its `title` keywords; a property called `title` stays."""
    if isinstance(schema, dict):
        return {
            key: {name: _strip_titles(one) for name, one in value.items()}
            if key == "properties"
            else _strip_titles(value)
            for key, value in schema.items()
            if key != "title"
        }
    if isinstance(schema, list):
        return [_strip_titles(one) for one in schema]
    return schema


def select_for_role(tools: Iterable[TeamTool[Any]], role: Role, *, inner: bool) -> Iterable[TeamTool[Any]]:
    """Return the tools that an agent with `role` can have or load; for a delegate (`inner`) without `plan`."""
    allowed = set(role.capabilities)
    offered = (one for one in tools if not (inner and one.name == "plan"))
    return (one for one in offered if not one.capabilities or not allowed.isdisjoint(one.capabilities))
