"""The rules about tools' calls: deny, ask or allow, by tool, path pattern and command pattern.

Deny counts over ask, ask over allow. Only a person's own settings can allow (`server.assembly.setting_sections`); a
workspace's can deny and ask. Start at `RuleSet.find`.
"""

from __future__ import annotations

import difflib
import functools
import re
import sys
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from pathspec import GitIgnoreSpec

from agents.tools import Risk

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from agents.tools import Tool


FOLDS_CASE = sys.platform in {"darwin", "win32"}
"""Whether names that differ only in case usually mean the same file, so that rules have to deny both."""

_TOOL = re.compile(r"\*|[a-z][a-z0-9_-]{0,63}|mcp:[A-Za-z0-9_*-]{1,40}(/[A-Za-z0-9_./*-]{1,128})?")
_MCP = "mcp:"
TOOL_NAMES = frozenset({
    "ask_person", "call_mcp_tool", "check_target", "delegate", "delete_file", "deploy", "deploy_status", "edit_file",
    "execute_command", "findings", "finish", "git_branch", "git_commit", "git_diff", "git_log", "git_merge",
    "git_push", "git_status", "list_files", "list_mcp_tools", "list_targets", "need", "plan", "read_file", "recall",
    "remember", "rename_file", "render_template", "roll_back", "run_tests", "search_code", "search_files",
    "test_results", "write_file",
})  # fmt: skip
"""The names of all tools of the team (`agents.team.tools.all_tools`, which a reader of settings does not load)."""

PATH_TOOLS = frozenset({
    "delete_file", "edit_file", "findings", "git_diff", "git_log", "git_status", "list_files", "read_file",
    "rename_file", "render_template", "search_code", "search_files", "test_results", "write_file",
})  # fmt: skip
"""The tools whose calls reach files, so that a rule with a path can be about these."""

COMMAND_TOOLS = frozenset({"execute_command", "git_branch", "git_commit", "git_merge", "git_push", "run_tests"})
"""The tools that run a command line, so that a rule with a command can be about these."""

GROUPS = ("edits", "reads", "*")
"""Words that stand for several tools, see `Rule.tool`."""

_KINDS = ("path", "command")
_FORMS = 'write "TOOL", "TOOL path PATTERN" or "TOOL command WORDS"'


class Effect(StrEnum):
    """Consequence of a rule for a call."""

    DENY = "deny"
    ASK = "ask"
    ALLOW = "allow"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    Attributes:
        effect: what it says.
        tool: name of the tool; "edits" for all that change files, "reads" for all that only read, "*" for every tool;
            "mcp:SERVER/TOOL" for a tool of an MCP server, with "*" for any characters, and "mcp:SERVER" for all of one.
        path: pattern as in `.gitignore`, for a path relative to the workspace folder; "" for a rule without paths.
        command: words that a simple command begins with ("git status", "pytest"); "*" at the end stands for any further
            words; without it the command has to be exactly these words; "" for a rule without commands.
    """

    effect: Effect
    tool: str = "*"
    path: str = ""
    command: str = ""

    def __str__(self) -> str:
        """Return the rule in words, for questions and messages."""
        return " ".join(filter(None, (self.effect, self.tool, self.path and f"path {self.path!r}",
                                      self.command and f"command {self.command!r}")))  # fmt: skip


def parse_rule(effect: Effect, text: str) -> Rule:
    """Return the rule that a person wrote as `TOOL`, `TOOL path PATTERN` or `TOOL command WORDS`.

    `TOOL` may be `mcp:SERVER/TOOL`, see `Rule.tool`.

    Raises:
        ValueError: it has another form, or a pattern that matches no path; the message is a clause that says what is
            wrong.
    """
    tool, _, rest = text.strip().partition(" ")
    kind, _, value = rest.strip().partition(" ")
    value = value.strip()
    if not _TOOL.fullmatch(tool):
        raise ValueError(f'"{tool}" is no name of a tool; {_FORMS}')
    if kind and kind not in _KINDS:
        near = difflib.get_close_matches(kind.lower(), _KINDS, n=1)
        hint = f' (did you mean "{near[0]}"?)' if near else f"; {_FORMS}"
        raise ValueError(f'"{kind}" stands where "path" or "command" belongs{hint}')
    if kind and not value:
        raise ValueError(f'nothing follows "{kind}"; {_FORMS}')
    if kind == "path":
        _check_pattern(value)
    return Rule(effect, tool, path=value if kind == "path" else "", command=value if kind == "command" else "")


def check_tool(text: str) -> None:
    """Check that a rule begins with the name of a tool of the team, with a group, or with `mcp:`.

    Raises:
        ValueError: it does not; the message is a clause, with a similar name if there is one.
    """
    tool = text.strip().partition(" ")[0]
    if tool in TOOL_NAMES or tool in GROUPS or tool.startswith(_MCP):
        return
    near = difflib.get_close_matches(tool.lower(), [*sorted(TOOL_NAMES), *GROUPS], n=1)
    hint = f' (did you mean "{near[0]}"?)' if near else f"; `starling tools` lists them, {_FORMS}"
    raise ValueError(f'there is no tool "{tool}"{hint}')


def check_argument(rule: Rule) -> None:
    """Check that the tool of `rule` has what its pattern is about: paths, or a command line.

    Raises:
        ValueError: it has not, so that the rule can never match; the message is a clause with what to write instead.
    """
    if not (rule.path or rule.command) or rule.tool == "*":
        return
    if rule.tool.startswith(_MCP):
        raise ValueError(f'a rule about {rule.tool} has no path and no command; write "{rule.tool}" alone')
    if rule.path and rule.tool not in PATH_TOOLS and rule.tool not in GROUPS:
        other = f'"{rule.tool} command WORDS"' if rule.tool in COMMAND_TOOLS else f'"{rule.tool}" alone'
        raise ValueError(
            f"{rule.tool} has no path, so the rule would never match; write {other}, or for files "
            f'"reads path {rule.path}" and "edits path {rule.path}", which hold for command lines, too'
        )
    if rule.command and rule.tool not in COMMAND_TOOLS:
        other = "PATTERN" if rule.tool in PATH_TOOLS or rule.tool in GROUPS else ""
        raise ValueError(
            f"{rule.tool} runs no command line, so the rule would never match; write "
            + (f'"{rule.tool} path {other}"' if other else f'"{rule.tool}" alone')
            + f' or "execute_command command {rule.command}"'
        )


def _check_pattern(pattern: str) -> None:
    """Check that a path pattern is valid and can match a path.

    Raises:
        ValueError: it is not, or cannot, as a comment or a pattern that begins with `!`.
    """
    try:
        can_match = any(one.include for one in _compile(pattern).patterns)
    except (ValueError, re.error) as error:
        raise ValueError(f'"{pattern}" is no pattern as in a .gitignore ({error})') from error
    if not can_match:
        raise ValueError(f'the pattern "{pattern}" matches no path')


@dataclass(frozen=True, slots=True)
class RuleSet:
    """The rules in force, a person's and the workspace's.

    Attributes:
        rules: the rules.
        unreadable: problems because of which rules that deny or ask may be missing; while there are any, every call is
            denied, since it may be one that a missing rule is about.
    """

    rules: tuple[Rule, ...] = ()
    unreadable: tuple[str, ...] = ()

    @classmethod
    def parse(cls, *, deny: Iterable[str] = (), ask: Iterable[str] = (), allow: Iterable[str] = ()) -> RuleSet:
        """Return the rules that are written in the three lists; see `parse_rule`.

        Raises:
            ValueError: one of them is malformed.
        """
        written = {Effect.DENY: deny, Effect.ASK: ask, Effect.ALLOW: allow}
        return cls(tuple(parse_rule(effect, text) for effect, texts in written.items() for text in texts))

    def find(self, tool: Tool, paths: Sequence[str] = (), words: Sequence[str] = ()) -> Rule | None:
        """Return the strictest rule for a call; None if no rule matches.

        Args:
            tool: the tool.
            paths: paths that the call concerns, relative to the workspace folder, with slashes.
            words: one simple command as words; () for none.

        A rule with a path denies or asks if it matches *any* of the paths, and allows only if it matches *all*. Only a
        rule with a command allows a command, and only one that names the tool allows a critical tool. While rules are
        unreadable, the result denies every tool.
        """
        if self.unreadable:
            return Rule(Effect.DENY)
        matching = [one for one in self.rules if _matches(one, tool, paths, words)]
        for effect in Effect:
            for one in matching:
                if one.effect is effect:
                    return one
        return None

    def explain_unreadable(self) -> str:
        """Return why every call is denied, a sentence for the person and the model; "" if rules are not unreadable."""
        if not self.unreadable:
            return ""
        more = f" (and {len(self.unreadable) - 1} more)" if len(self.unreadable) > 1 else ""
        return (
            "Agents do nothing while a rule that denies or asks cannot be read. Correct it in the settings"
            f"{more}: {self.unreadable[0]}"
        )


def _matches(rule: Rule, tool: Tool, paths: Sequence[str], words: Sequence[str]) -> bool:
    """Return whether a rule is about a call with these paths or this command; see `RuleSet.find`."""
    groups = {"*", *(("edits",) if tool.edits else ()), *(("reads",) if tool.risk is Risk.LOW else ())}
    if rule.effect is Effect.ALLOW and tool.risk is Risk.CRITICAL:
        groups.clear()  # only a rule that names the tool allows what cannot be undone
    if rule.tool != tool.name and rule.tool not in groups and not _matches_mcp(rule, tool.name):
        return False
    if rule.command and not _matches_command(rule.command, words):
        return False
    if not rule.path:
        return bool(rule.command) or rule.effect is not Effect.ALLOW or not words
    found = [_compile(rule.path).match_file(path) for path in paths]
    if rule.effect is Effect.ALLOW:
        return bool(found) and all(found)
    return any(found) or (FOLDS_CASE and any(_compile(rule.path.lower()).match_file(path.lower()) for path in paths))


def _matches_mcp(rule: Rule, name: str) -> bool:
    """Return whether a rule is about the MCP server's tool `name`; ignores case unless the rule allows."""
    if not rule.tool.startswith(_MCP) or not name.startswith(_MCP):
        return False
    pattern = rule.tool if "/" in rule.tool else f"{rule.tool}/*"
    if rule.effect is not Effect.ALLOW:
        pattern, name = pattern.casefold(), name.casefold()
    wanted, given = pattern.partition("/"), name.partition("/")
    return all(_matches_stars(one, other) for one, other in zip(wanted, given, strict=True))


def _matches_stars(pattern: str, text: str) -> bool:
    """Return whether `text` is `pattern`, in which `*` stands for any characters."""
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), text, re.DOTALL) is not None


@functools.lru_cache(maxsize=1000)
def _compile(pattern: str) -> GitIgnoreSpec:
    """Return the matcher of a path pattern; compiled once, because searches ask about every file."""
    return GitIgnoreSpec.from_lines([pattern])


def _matches_command(pattern: str, words: Sequence[str]) -> bool:
    """Return whether a command is that of a pattern, or begins with it where the pattern ends with `*`."""
    wanted = pattern.split()
    if wanted and wanted[-1] == "*":
        return list(words[: len(wanted) - 1]) == wanted[:-1] and bool(words)
    return list(words) == wanted
