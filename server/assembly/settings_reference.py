"""A record of each setting, from which the editors' settings pages and the table in the docs are generated.

Only reads the declarations in `server.assembly.settings`. Start at `list_settings`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from server.assembly.setting_sources import ENVIRONMENT_PREFIX
from server.assembly.settings import Settings, describe_allowed, get_fields, get_section, has_mark, to_camel_case

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class SettingReference:
    """A setting as the docs and an editor's settings page show it.

    Attributes:
        key: the name in an editor's settings, `completion.maxTokens`.
        toml: the name in a TOML file, `completion.max_tokens`.
        environment: the environment variable, `STARLING_COMPLETION__MAX_TOKENS`.
        allowed: the allowed values in words: "true or false", "an integer from 1 to 512".
        default: the default as JSON.
        description: one or a few sentences.
        workspace: whether a workspace's `.starling.toml` may set it.
        personal: whether no editor may set it; such a setting is left out of the editors' settings pages.
        schema: the JSON schema of its value.
    """

    key: str
    toml: str
    environment: str
    allowed: str
    default: str
    description: str
    workspace: bool
    personal: bool
    schema: dict[str, Any]


def list_settings() -> tuple[SettingReference, ...]:
    """Return all settings in the order of their declaration."""
    return tuple(one for section in Settings.model_fields for one in _describe_section(section))


def _describe_section(section: str) -> Iterator[SettingReference]:
    """Yield each setting of `section`, in the order of declaration."""
    schema = get_section(section).model_json_schema()["properties"]
    for name, field in get_fields(section).items():
        yield SettingReference(
            key=f"{to_camel_case(section)}.{to_camel_case(name)}",
            toml=f"{section}.{name}",
            environment=f"{ENVIRONMENT_PREFIX}{section}__{name}".upper(),
            allowed=describe_allowed(field),
            default=json.dumps(field.default),
            description=field.description or "",
            workspace=has_mark(field, "workspace"),
            personal=has_mark(field, "personal"),
            schema=schema[name],
        )
