"""Generated parts of Neovim's help: settings from the settings class, commands from the plugin's table.

Run as a script, it writes the help.
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
    "login": "Log in at the server of |starling-remote|: asks for name and password.",
    "logout": "Log out there, and end the connection.",
}


def render_help(text: str) -> str:
    """Return the help `text` with its generated parts up to date."""
    for tag, body in (("starling-commands", render_commands()), ("starling-settings", render_settings())):
        region = re.compile(rf"(\*{tag}\*\n.*?\nGenerated from [^\n]*\n).*?(?=\n={{78}}\n)", re.DOTALL)
        text, count = region.subn(lambda found, body=body: f"{found[1]}\n{body}", text)
        assert count == 1, tag
    return text


def render_settings() -> str:
    """Return one entry of the help for each setting; notes settings that no editor may set."""
    return "".join(
        _render_entry(
            one.key,
            f"starling-{one.key}",
            f"{one.allowed}; default {_escape(one.default)}",
            one.description + (" In your own settings.toml only." if one.personal else ""),
        )
        for one in list_settings()
    )


def render_commands() -> str:
    """Return one entry of the help for each command, the plugin's own ones last."""
    table = json.loads(COMMANDS.read_text(encoding="utf-8"))
    given = [(_format_usage(one), one["name"], _list_choices(one), one["what"]) for one in table]
    own = [(name, name, "", what) for name, what in OWN.items()]
    return "".join(
        _render_entry(f":Starling {usage}", f":Starling-{name}", *texts) for usage, name, *texts in given + own
    )


def _format_usage(command: dict[str, Any]) -> str:
    """Return a command's name with its arguments or flags."""
    for way, shape in (("words", "[{}]"), ("choice", "{{{}}}")):
        if way in command:
            return f"{command['name']} {shape.format(command[way]['field'])}"
    return f"{command['name']} [{'|'.join(command['flags'])}]" if "flags" in command else str(command["name"])


def _list_choices(command: dict[str, Any]) -> str:
    """Return a text that lists the values of a command's argument; "" if any value is allowed."""
    choice = command.get("choice")
    return f"{{{choice['field']}}} is {', '.join(choice['of'])}" if choice else ""


def _render_entry(name: str, tag: str, allowed: str, what: str) -> str:
    """Return an entry of the help: name and tag, then the wrapped paragraphs `allowed` (if any) and `what`."""
    lines = [f"{name:<48}*{tag}*"]
    for text in filter(None, (allowed, _escape(what))):
        lines += textwrap.wrap(text, WIDTH, initial_indent="        ", subsequent_indent="        ")
    return "\n".join(lines) + "\n"


def _escape(text: str) -> str:
    """Return `text` without bars and stars, which mark links and tags in help."""
    return text.replace("|", "/").replace("*", "+")


if __name__ == "__main__":
    HELP.write_text(render_help(HELP.read_text(encoding="utf-8")), encoding="utf-8")
