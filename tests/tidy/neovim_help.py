"""The generated parts of Neovim's help: settings from the settings class, commands from the plugin's table.

Run as a script it writes the help.
"""

from __future__ import annotations

import json
import re
import sys
import textwrap
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from server.assembly.settings_reference import list_settings  # noqa: E402 (as a script this file finds the program by the line above)

HELP = ROOT / "editors" / "neovim" / "doc" / "starling.txt"
COMMANDS = ROOT / "editors" / "neovim" / "lua" / "starling" / "commands.json"
WIDTH = 118
OWN = {
    "on": "Turn suggestions on.",
    "off": "Turn suggestions off.",
    "toggle": "Turn suggestions on or off.",
    "restart": "Restart the server.",
}


def rendered(text: str) -> str:
    """`text` with the generated parts brought up to date."""
    for tag, body in (("starling-commands", commands()), ("starling-settings", settings())):
        region = re.compile(rf"(\*{tag}\*\n.*?\nGenerated from [^\n]*\n).*?(?=\n={{78}}\n)", re.DOTALL)
        text, count = region.subn(lambda found, body=body: f"{found[1]}\n{body}", text)
        assert count == 1, tag
    return text


def settings() -> str:
    """One entry a setting; those that no editor may set are named as such."""
    return "".join(
        _entry(
            one.key,
            f"starling-{one.key}",
            f"{one.allowed}; default {_plain(one.default)}",
            one.description + (" In your own settings.toml only." if one.personal else ""),
        )
        for one in list_settings()
    )


def commands() -> str:
    """One entry a command."""
    table = json.loads(COMMANDS.read_text(encoding="utf-8"))
    given = [(_usage(one), one["name"], _words(one), one["what"]) for one in table]
    own = [(name, name, "", what) for name, what in OWN.items()]
    return "".join(_entry(f":Starling {usage}", f":Starling-{name}", *told) for usage, name, *told in given + own)


def _usage(command: dict[str, Any]) -> str:
    for way, shape in (("words", "[{}]"), ("choice", "{{{}}}")):
        if way in command:
            return f"{command['name']} {shape.format(command[way]['field'])}"
    return f"{command['name']} [{'|'.join(command['flags'])}]" if "flags" in command else str(command["name"])


def _words(command: dict[str, Any]) -> str:
    choice = command.get("choice")
    return f"{{{choice['field']}}} is {', '.join(choice['of'])}" if choice else ""


def _entry(name: str, tag: str, allowed: str, what: str) -> str:
    lines = [f"{name:<48}*{tag}*"]
    for text in filter(None, (allowed, _plain(what))):
        lines += textwrap.wrap(text, WIDTH, initial_indent="        ", subsequent_indent="        ")
    return "\n".join(lines) + "\n"


def _plain(text: str) -> str:
    """Without what means something in help: bars and stars around words."""
    return text.replace("|", "/").replace("*", "+")


if __name__ == "__main__":
    HELP.write_text(rendered(HELP.read_text(encoding="utf-8")), encoding="utf-8")
