"""Settings of the VS Code extension, generated from the settings class. Run as a script, it writes `package.json`.

Settings that no editor may set (endpoints, keys) are left out; those that no workspace may set get the scope "machine",
which VS Code takes only from a person's own settings. Start at `render_manifest`.
"""

from __future__ import annotations

import json
import re
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


def render_manifest(manifest: str) -> str:
    """Return the text of `package.json` with the server's settings up to date; the extension's own stay unchanged."""
    package: dict[str, Any] = json.loads(manifest)
    groups = package["contributes"]["configuration"]
    own = [group for group in groups if all(key.startswith(LOCAL) for key in group["properties"])]
    package["contributes"]["configuration"] = [*own, *_make_groups()]
    keys = [key for group in package["contributes"]["configuration"] for key in group["properties"]]
    package["capabilities"]["untrustedWorkspaces"]["restrictedConfigurations"] = keys
    return json.dumps(package, indent=2, ensure_ascii=False) + "\n"


def _make_groups() -> list[dict[str, Any]]:
    """Return a group of settings for each section of the server's settings, in the form of `package.json`."""
    sections: dict[str, dict[str, Any]] = {}
    for one in list_settings():
        if not one.personal:
            section = one.key.partition(".")[0]
            properties = sections.setdefault(section, {})
            properties[f"{SECTION}.{one.key}"] = _make_property(one, len(properties))
    return [
        {
            "title": re.sub("([A-Z])", lambda found: f" {found[1].lower()}", section).capitalize(),
            "order": order,
            "properties": properties,
        }
        for order, (section, properties) in enumerate(sections.items(), 1)
    ]


def _make_property(one: SettingReference, order: int) -> dict[str, Any]:
    """Return a setting in the form of `package.json`; `order` is its position in the group."""
    schema = {key: value for key, value in one.schema.items() if key in KEPT}
    return {
        **schema,
        "default": json.loads(one.default),
        "markdownDescription": one.description,
        "scope": "window" if one.workspace else "machine",
        "order": order,
    }


if __name__ == "__main__":
    MANIFEST.write_text(render_manifest(MANIFEST.read_text(encoding="utf-8")), encoding="utf-8")
