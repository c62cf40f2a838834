"""The transcripts in the pages about workflows: real runs of `starling do` with a scripted model.

`python -m tests.server.cli.team.workflow_pages` runs each workflow in a new repository and renews the pages. What
differs between runs (durations, ids, the path of Python) is written the same each time; questions and diffs are left
out. Start at `play`.
"""

from __future__ import annotations

import io
import json
import os
import re
import sys
import tempfile
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from models.scripted.scripted_server import ScriptedServer
from server.cli import run, terminal, terminal_asker
from tests import surroundings
from tests.agents.team.workflows import flows, test_debug, test_engineering, test_refine
from tests.server.work.repositories import run_git

PAGES = Path(__file__).parents[4] / "docs"
BLOCK = re.compile(r"(?<=```text\n)\$ starling do --workflow .*?(?=```\n)", re.DOTALL)
_VARYING = (
    (re.compile(r"\d+\.\d s\]"), "0.4 s]"),
    (re.compile(r"\S*python\S* -B"), "python3 -B"),
    (re.compile(r"--session [0-9a-f]{8}"), "--session 3f2a91c0"),
    (re.compile(r"^starling: allowed by --yes\.\n", re.MULTILINE), ""),
    (re.compile(r"decisions show [0-9a-f]{8}"), "decisions show 5d1e07ab"),
)


@dataclass(frozen=True, slots=True)
class Run:
    """One run that a page shows.

    Attributes:
        workflow: name of the workflow, and of the page.
        request: the request.
        script: the answers of the model.
        files: the files of the repository.
        allowed: what is approved without a question.
    """

    workflow: str
    request: str
    script: str
    files: dict[str, str]
    allowed: tuple[str, ...] = ("edit", "create", "run", "commit")

    @property
    def page(self) -> Path:
        """The page that shows the run."""
        return PAGES / f"workflow-{self.workflow}.md"


def judge(role: str, verdict: str, reasoning: str, *criteria: tuple[str, float, float, float, str], **more: Any) -> str:
    """Return the section of a script in which a role of the board answers; criteria as in the table of the report."""
    names = ("name", "threshold", "weight", "score", "reasoning")
    given = [dict(zip(names, one, strict=True)) for one in criteria]
    said = {"criteria": given, "verdict": verdict, "reasoning": reasoning, **more}
    return flows.section(f"You are asked as the role {role}.", json.dumps(said))


NOT_CONCERNED = "Nothing in README.md or orders.py concerns my role."
BOARD = (
    judge(
        "tech_lead",
        "approve",
        "Two functions store orders; both are small.",
        ("effort", 5, 4, 8, "orders.py has two functions that write."),
        ("way back", 6, 6, 7, "The JSON file can stay beside the database."),
    )
    + judge(
        "product_owner",
        "approve",
        "Orders are lost today when two people save at once.",
        ("use", 6, 5, 9, "README.md names lost orders as the first known error."),
    )
    + judge(
        "cfo",
        "approve",
        "It costs nothing to run.",
        ("running costs", 7, 5, 10, "SQLite needs no server."),
    )
    + judge(
        "risk",
        "reject",
        "There is no way back for orders that are stored after the switch.",
        ("reversibility", 7, 8, 4, "Nothing writes the old format any more."),
        ("data loss", 8, 8, 6, "The import was never tried with a real file."),
        conditions=["Try the import on a copy", "Keep an export to the old format"],
    )
    + judge("legal", "abstain", NOT_CONCERNED)
    + judge("performance", "approve", "Reading stays fast.", ("time to open", 6, 3, 8, "One query in place of a file."))
    + flows.section("You are asked as the role security.", "I see no problem at all!")
    + flows.section(
        "The roles have given their verdicts below",
        json.dumps({
            "decision": "approve",
            "reasoning": "The use is large and the effort small. What risk rejects can be repaired by its conditions.",
            "conditions": ["Try the import on a copy of orders.json", "Keep an export to the old format until May"],
            "dissent": "risk, because its two conditions remove the reason",
            "review": "after the first week with real orders",
        }),
    )
)  # fmt: skip

RUNS = (
    Run("tdd", "add triple(x)", flows.PASSING, {"area.py": flows.AREA}),
    Run(
        "debug",
        "prices.mean([]) raises ZeroDivisionError: division by zero",
        test_debug.REPRODUCE + test_debug.HYPOTHESES + test_debug.FIX,
        {"prices.py": test_debug.PRICES, "test_two.py": test_debug.OLD},
    ),
    Run(
        "engineering",
        "add triple(x)",
        test_engineering.PAGE,
        {
            "area.py": flows.AREA,
            "test_double.py": test_engineering.OLD,
            "skeleton/copier.yml": "name:\n  type: str\n",
            "skeleton/{{ name }}/__init__.py.jinja": '"""{{ name }}."""\n',
        },
    ),
    Run("refine", "add triple(x)", test_refine.PAGE, {"area.py": flows.AREA}),
    Run("board", "Do we store orders in SQLite?", BOARD, {"README.md": "# Orders\n"}, ()),
)


def play(wanted: Run, root: Path) -> str:
    """Run a workflow in a new repository in `root`; return the command line and what the terminal showed.

    The environment has to keep the person's own settings and state away (`tests.surroundings`).
    """
    run_git(root, "init", "-q", "-b", "main")
    for name, text in wanted.files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    run_git(root, "add", "--all")
    run_git(root, "commit", "-q", "-m", "first")
    for key, value in (("user.name", "Ann"), ("user.email", "ann@example.org")):
        run_git(root, "config", key, value)
    options = [word for one in wanted.allowed for word in ("--yes", one)]
    shown = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, ScriptedServer(wanted.script) as server:
        patch.chdir(root)
        patch.setenv("STARLING_INDEX__ENABLED", "false")
        patch.setenv("STARLING_REVIEW__TEST_COMMAND", f"{sys.executable} -B -m unittest")
        patch.setenv("STARLING_CHAT__URL", f"{server.url}/v1")
        patch.setenv("STARLING_CHAT__MODEL", "scripted")
        patch.setattr(terminal_asker, "show", lambda _: None)
        with redirect_stdout(shown), redirect_stderr(shown):
            run(["do", "--workflow", wanted.workflow, *options, wanted.request])
    terminal.forget_emitted()
    text = shown.getvalue()
    for pattern, written in _VARYING:
        text = pattern.sub(written, text)
    line = " ".join(["starling do --workflow", wanted.workflow, *options, f'"{wanted.request}"'])
    return f"$ {line}\n{text}"


def main() -> None:
    """Renew the transcripts in all pages."""
    surroundings.clear(os.environ)
    base = surroundings.make_root()
    for one in RUNS:
        with pytest.MonkeyPatch.context() as patch:
            surroundings.enter(patch, base)
            with tempfile.TemporaryDirectory() as folder:
                text = play(one, Path(folder))
        page = one.page.read_text("utf-8")
        shown = BLOCK.search(page)
        assert shown is not None, f"{one.page} has no block that begins with `$ starling do --workflow`"
        one.page.write_text(page[: shown.start()] + text + page[shown.end() :], "utf-8")


if __name__ == "__main__":
    main()
