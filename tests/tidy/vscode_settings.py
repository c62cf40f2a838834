"""The settings of the VS Code extension, made from the settings class. Run as a script it writes `package.json`.

What an editor may not set (endpoints, keys) is left out; what a workspace may not set gets the scope "machine", which
VS Code takes from a person's own settings alone. Start at `rendered`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from server.assembly.settings_reference import list_settings  # noqa: E402 (as a script this file finds the program by the line above)

if TYPE_CHECKING:
    from server.assembly.settings_reference import SettingReference

MANIFEST = ROOT / "editors" / "vscode" / "package.json"
SECTION = "starling"
KEPT = ("type", "enum", "items", "minimum", "maximum", "minLength", "maxLength", "default", "pattern")
LOCAL = f"{SECTION}.server."  # the extension's own settings, which no server knows


def rendered(manifest: str) -> str:
    """`package.json` with the settings brought up to date; those of the extension itself stay as they are."""
    package: dict[str, Any] = json.loads(manifest)
    groups = package["contributes"]["configuration"]
    own = [group for group in groups if all(key.startswith(LOCAL) for key in group["properties"])]
    package["contributes"]["configuration"] = [*own, *_groups()]
    keys = [key for group in package["contributes"]["configuration"] for key in group["properties"]]
    package["capabilities"]["untrustedWorkspaces"]["restrictedConfigurations"] = keys
    return json.dumps(package, indent=2, ensure_ascii=False) + "\n"


def _groups() -> list[dict[str, Any]]:
    sections: dict[str, dict[str, Any]] = {}
    for one in list_settings():
        if not one.personal:
            section = one.key.partition(".")[0]
            properties = sections.setdefault(section, {})
            properties[f"{SECTION}.{one.key}"] = _property(one, len(properties))
    return [
        {"title": section.capitalize(), "order": order, "properties": properties}
        for order, (section, properties) in enumerate(sections.items(), 1)
    ]


def _property(one: SettingReference, order: int) -> dict[str, Any]:
    schema = {key: value for key, value in one.schema.items() if key in KEPT}
    return {
        **schema,
        "default": json.loads(one.default),
        "markdownDescription": one.description,
        "scope": "window" if one.workspace else "machine",
        "order": order,
    }


if __name__ == "__main__":
    MANIFEST.write_text(rendered(MANIFEST.read_text(encoding="utf-8")), encoding="utf-8")
