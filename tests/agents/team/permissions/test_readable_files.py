"""A person's rules about paths hold for everything that a call reaches, not only for what it names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from agents.team.permissions.rules import RuleSet
from indexing.records import Hit
from tests.agents.doubles import MemoryIndex

if TYPE_CHECKING:
    from tests.agents.team.bench import TeamBench

FILES = """
#- area.py
PASSPHRASE = "public"
#- data/hidden.py
PASSPHRASE = "sesame"
#- asked/hidden.py
PASSPHRASE = "sesame"
"""
RULES = RuleSet.parse(deny=["reads path data/**"], ask=["reads path asked/"])


@pytest.fixture
def workspace(bench: TeamBench) -> TeamBench:
    """Return a workspace with a folder that is denied, one that is asked about, and links to both."""
    bench.write(FILES)
    (bench.root / "link.py").symlink_to(bench.root / "data" / "hidden.py")
    (bench.root / "folder").symlink_to(bench.root / "data", target_is_directory=True)
    bench.options["rules"] = RULES
    return bench


@pytest.mark.parametrize(("tool", "arguments"), [
    ("read_file", {"path": "data/hidden.py"}),
    ("read_file", {"path": "link.py"}),
    ("read_file", {"path": "folder/hidden.py"}),
    ("read_file", {"path": "area.py/../data/hidden.py"}),
    ("search_files", {"pattern": "PASSPHRASE"}),
    ("search_files", {"pattern": "PASSPHRASE", "folder": "data"}),
    ("search_code", {"words": "PASSPHRASE", "kind": "uses"}),
    ("search_code", {"words": "PASSPHRASE"}),
    ("list_files", {}),
    ("list_files", {"folder": "data"}),
    ("findings", {"path": "data/hidden.py"}),
    ("edit_file", {"path": "data/hidden.py", "replacements": [{"old": "PASSPHRASE = 'x'", "new": ""}]}),
    ("edit_file", {"path": "asked/hidden.py", "replacements": [{"old": "PASSPHRASE = 'x'", "new": ""}]}),
    ("edit_file", {"path": "link.py", "replacements": [{"old": "PASSPHRASE = 'x'", "new": ""}]}),
    ("rename_file", {"path": "data/hidden.py", "to": "open.py"}),
    ("delete_file", {"path": "data/hidden.py"}),
])  # fmt: skip
async def test_nothing_of_a_withheld_file_is_read_in_any_way(
    tool: str, arguments: dict[str, object], workspace: TeamBench
) -> None:
    hidden = [workspace.root / "data" / "hidden.py", workspace.root / "asked" / "hidden.py"]
    hits = tuple(Hit(path, "hidden.py", 0, 1, "sesame", 1.0, "PASSPHRASE") for path in hidden)
    workspace.options["index"] = MemoryIndex(hits=hits, defined=hits)
    text, _ = await workspace.call(tool, **arguments)
    assert "sesame" not in text
    assert tool != "list_files" or "hidden.py" not in text
    assert (workspace.gate.proposals, workspace.gate.calls) == ([], [])


async def test_a_file_that_a_rule_has_asked_about_is_read_after_a_yes_and_then_found(workspace: TeamBench) -> None:
    permitted = workspace.options["permitted"] = set()
    workspace.gate.answer = False
    assert "sesame" not in (await workspace.call("read_file", path="asked/hidden.py"))[0]
    workspace.gate.answer = True
    assert "sesame" in (await workspace.call("read_file", path="asked/hidden.py"))[0]
    assert [(one.asks, one.task) for one in workspace.gate.calls] == [(True, ""), (True, "")], "asked each time"
    assert permitted == {workspace.root / "asked" / "hidden.py"}
    assert "asked/hidden.py:1" in (await workspace.call("search_files", pattern="sesame"))[0]
    replacements = [{"old": "sesame", "new": "simsim"}]
    assert not (await workspace.call("edit_file", path="asked/hidden.py", replacements=replacements))[1]


async def test_a_yes_to_a_search_of_everything_opens_no_file_that_has_a_rule_of_its_own(bench: TeamBench) -> None:
    bench.write(FILES)
    bench.options["rules"] = RuleSet.parse(ask=["search_files", "reads path asked/"])
    text, _ = await bench.call("search_files", pattern="PASSPHRASE")
    assert ("area.py" in text, "asked/hidden.py" in text) == (True, False)


async def test_without_rules_about_paths_all_files_are_there(bench: TeamBench) -> None:
    bench.write(FILES)
    bench.options["rules"] = RuleSet.parse(deny=["execute_command"], allow=["reads path data/**"])
    assert "data/hidden.py:1" in (await bench.call("search_files", pattern="sesame"))[0]
