"""Every setting as documentation: the source of the editors' settings pages and of the table in the docs.

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
    """One setting as documentation and an editor's settings page show it.

    Attributes:
        key: `completion.maxTokens`, as an editor writes it.
        toml: `completion.max_tokens`, as a file writes it.
        environment: `STARLING_COMPLETION__MAX_TOKENS`.
        allowed: "true or false", "an integer from 1 to 512", ...
        default: as JSON writes it.
        description: one or two sentences.
        workspace: whether a workspace's `.starling.toml` may set it.
        personal: whether not even an editor may set it, so that it belongs on no editor's settings page.
        schema: its JSON schema.
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
    return tuple(one for section in Settings.model_fields for one in _section(section))


def _section(section: str) -> Iterator[SettingReference]:
    """Yield every setting of one section in the order of declaration."""
    schema = get_section(section).model_json_schema()["properties"]
    for name, field in get_fields(section).items():
        yield SettingReference(
            key=f"{section}.{to_camel_case(name)}",
            toml=f"{section}.{name}",
            environment=f"{ENVIRONMENT_PREFIX}{section}__{name}".upper(),
            allowed=describe_allowed(field),
            default=json.dumps(field.default),
            description=field.description or "",
            workspace=has_mark(field, "workspace"),
            personal=has_mark(field, "personal"),
            schema=schema[name],
        )
