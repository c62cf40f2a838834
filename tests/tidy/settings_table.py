"""The table of settings in the README, made from the settings class. Run as a script it writes the README."""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from server.reference import reference  # noqa: E402 (as a script this file finds the program by the line above)

README = ROOT / "README.md"
REGION = re.compile(r"(<!-- settings: .*? -->\n).*?(<!-- /settings -->)", re.DOTALL)


def table() -> str:
    """The table in Markdown, one row a setting."""
    rows = ["| setting | allowed | default | what it does | workspace |", "| --- | --- | --- | --- | --- |"]
    rows += [
        f"| `{one.key}` | {one.allowed} | `{one.default}` | {one.description} | {'yes' if one.workspace else ''} |"
        for one in reference()
    ]
    return "\n".join(rows) + "\n"


def rendered(readme: str) -> str:
    """`readme` with the table brought up to date."""
    return REGION.sub(lambda found: f"{found[1]}\n{table()}\n{found[2]}", readme)


if __name__ == "__main__":
    README.write_text(rendered(README.read_text(encoding="utf-8")), encoding="utf-8")
