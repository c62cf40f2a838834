"""The decision about a call of an MCP server's tool: asked about, unless a rule of the person allows that very tool.

Its risk is unknown: what the server says of itself, for instance that a tool only reads, is no fact. Arguments that
name an excluded or denied file, or hold a secret, are refused as far as that can be seen in their text. Start at
`decide_about_mcp_call`.
"""

from __future__ import annotations

import itertools
import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from agents.team.permissions.decision import Decision
from agents.team.permissions.modes import Mode
from agents.team.permissions.path_judge import PathJudge
from agents.team.permissions.paths import follow_links
from agents.team.permissions.rules import Effect
from indexing.workspace.origins import find_origins
from indexing.workspace.secrets.literals import find_secrets
from indexing.workspace.secrets.secret_files import is_secret_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from agents.ports.mcp_servers import McpCall
    from agents.team.permissions.rules import Rule, RuleSet
    from agents.tools import Tool

MOST_CHARACTERS = 50_000
"""Characters of all arguments of a call, as JSON; a person can read no more before answering."""

LONGEST_PATH = 1000
MOST_PATHS = 2_000
_WORDS = re.compile(r"[\s\"'`<>()\[\]{},;|&]+")
_PARTS = re.compile(r"[=:@]")
_WEB = re.compile(r"https?:", re.IGNORECASE)
_LIKE_A_PATH = re.compile(r"[/\\.~]")


def decide_about_mcp_call(  # noqa: PLR0913 (each is a part of the question)
    call: McpCall,
    tool: Tool,
    *,
    mode: Mode,
    rules: RuleSet,
    roots: Sequence[Path],
    explain_exclusion: Callable[[Path], str],
) -> Decision:
    """Return the decision about `call`. Blocking: looks at the files that the arguments name.

    Args:
        call: the call.
        tool: the team's tool that makes it; rules may name this one, too.
        mode: the session's mode; in plan mode no server is used.
        rules: the rules in force.
        roots: workspace folders.
        explain_exclusion: returns why a path may not be read, "" if it may.
    """
    if mode is Mode.PLAN:
        return Decision(Effect.DENY, "In plan mode no MCP server is used; describe the call instead.")
    rule = _find_strictest(rules, tool, call.identity)
    if rule is not None and rule.effect is Effect.DENY:
        return Decision(Effect.DENY, f"A rule denies this call ({rule}); do without it.")
    judge = PathJudge(rules, roots, explain_exclusion, "call")
    paths = list(itertools.islice(list_named_paths(call.arguments, roots), MOST_PATHS + 1))
    if denial := _find_refusal(call, paths, judge):
        return Decision(Effect.DENY, denial)
    if rule is not None and rule.effect is Effect.ASK:
        return Decision(Effect.ASK, f"A rule has it asked ({rule}).", is_ruled=True)
    doubt = judge.find_doubt(paths) if rule is not None else ""
    if rule is None or doubt:
        return Decision(Effect.ASK, f"A rule allows it, but {doubt}." if doubt else "")
    return Decision(Effect.ALLOW, rule=str(rule))


def list_named_paths(value: object, roots: Sequence[Path]) -> Iterator[Path]:
    """Yield the absolute paths that the strings of a JSON value may stand for, in each of `roots`; each path once.

    Takes each string as a whole, and each word in it that looks like a path; takes URIs apart. Yields the targets of
    links, too.
    """
    known: set[Path] = set()
    for text in _walk_strings(value):
        whole = text.strip()
        names = [whole, *(word for word in _WORDS.split(text) if _LIKE_A_PATH.search(word))]
        for part in dict.fromkeys(part for name in names for part in (name, *_PARTS.split(name))):
            for path in _locate(part, roots):
                if path not in known:
                    known.add(path)
                    yield path


def _find_refusal(call: McpCall, paths: Sequence[Path], judge: PathJudge) -> str:
    """Return why a call is refused for its arguments, which name `paths`; a sentence, "" if it is not."""
    text = json.dumps(dict(call.arguments), ensure_ascii=False)
    if len(text) > MOST_CHARACTERS:
        return (
            f"The arguments are longer than {MOST_CHARACTERS:,} characters, too long to be asked about; shorten them."
        )
    if any(find_secrets(one, unnamed=False) for one in _walk_strings(call.arguments)):
        return "The arguments hold what looks like a key or a password; no call may send one."
    if len(paths) > MOST_PATHS:
        return "The arguments name too many paths to check them all; name fewer."
    return judge.find_exclusion(filter(_may_exist, paths)) or judge.find_denying_rule(paths)


def _find_strictest(rules: RuleSet, *tools: Tool) -> Rule | None:
    """Return the strictest rule about any of `tools`; None if there is none."""
    found = [rule for tool in tools if (rule := rules.find(tool)) is not None]
    return min(found, key=lambda rule: list(Effect).index(rule.effect), default=None)


def _locate(name: str, roots: Sequence[Path]) -> Iterator[Path]:
    """Yield the paths in each of `roots` that `name` may stand for: as written, as a URI, and where links lead."""
    if not name or "\0" in name or len(name) > LONGEST_PATH:
        return
    inner = () if _WEB.match(name) else find_origins(name)
    for origin in dict.fromkeys((Path(name), *inner)):
        for root in roots:
            path = Path(os.path.normpath(root / _expand_home(origin)))
            yield path
            if (real := follow_links(path, roots)) != path:
                yield real


def _may_exist(path: Path) -> bool:
    """Return whether `path` exists here, or may exist where the server runs.

    The latter is assumed of names with a dot that files with secrets have.
    """
    return os.path.lexists(path) or ("." in path.name and is_secret_path(path.as_posix()))


def _expand_home(path: Path) -> Path:
    """Return `path` with the home folder in place of `~`; unchanged if that folder is not known."""
    try:
        return path.expanduser()
    except RuntimeError:
        return path


def _walk_strings(value: object) -> Iterator[str]:
    """Yield all strings of a JSON value, names of members included."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, dict):
            waiting += [*one, *one.values()]
        elif isinstance(one, list | tuple):
            waiting += one
