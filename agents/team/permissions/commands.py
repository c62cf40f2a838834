"""The decision about a command line: parsed, each part judged by itself, and asked about wherever it is not certain.

A line is allowed without a question only if a rule of the person allows every command in it, nothing in it is unknown
until it runs, and it names no file that is excluded, denied or to be asked about. Start at `decide_about_command`.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from agents.team.permissions.decision import Decision
from agents.team.permissions.modes import Mode
from agents.team.permissions.path_judge import PathJudge
from agents.team.permissions.paths import follow_links
from agents.team.permissions.rules import Effect
from agents.team.permissions.shell import parse_line
from agents.tools import EXECUTE_COMMAND

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from agents.team.permissions.rules import Rule, RuleSet
    from agents.team.permissions.shell import ParsedLine, SimpleCommand
    from agents.tools import Tool

SHELLS = frozenset({"sh", "bash", "zsh", "dash", "ksh", "fish", "csh", "tcsh", "cmd", "powershell", "pwsh"})
WRAPPERS = frozenset({
    "env", "sudo", "doas", "su", "nohup", "timeout", "nice", "ionice", "time", "command", "exec", "builtin", "xargs",
    "parallel", "setsid", "stdbuf", "watch", "eval", "source", ".", "chroot", "ssh", "script", "busybox", "trap",
    "alias", "cd", "pushd", "popd", "set", "shopt", "enable", "hash", "unset", "export", "exit", "read", "mapfile",
})  # fmt: skip
"""Programs and builtins that run other commands, or change what later words mean."""

READERS = frozenset({
    "7z", "ack", "ag", "awk", "base32", "base64", "bat", "bun", "bzip2", "cat", "cmp", "column", "comm", "cp", "cpio",
    "csplit", "curl", "cut", "dd", "deno", "diff", "docker", "dos2unix", "ed", "egrep", "emacs", "ex", "fd", "fgrep",
    "file", "find", "fmt", "fold", "ftp", "gawk", "git", "gpg", "grep", "gzip", "head", "hexdump", "iconv", "install",
    "join", "jq", "kubectl", "less", "ln", "look", "lp", "ls", "lua", "mail", "make", "mawk", "more", "most", "mv",
    "nano", "nc", "ncat", "netcat", "nl", "node", "nvim", "od", "openssl", "osascript", "paste", "patch", "perl",
    "php", "podman", "pr", "pypy", "pypy3", "python", "python3", "rev", "rg", "rsync", "ruby", "scp", "sed", "sftp",
    "shuf", "socat", "sort", "split", "stat", "strings", "tac", "tail", "tar", "tclsh", "tee", "telnet", "tr", "tree",
    "uniq", "unzip", "vi", "view", "vim", "wc", "wget", "xxd", "xz", "yq", "zgrep", "zip", "zstd",
})  # fmt: skip
"""Programs that can show, copy or send any file; a rule with `*` does not allow these where nothing hides secrets."""

LONGEST_PATH = 1000
_CODE = re.compile(r"-{1,2}(c|e|eval|exec|execute|print|r|run)\b|-[a-zA-Z]*[ce]\Z")
_INTERPRETER = re.compile(r"(python|pypy|node|deno|bun|perl|ruby|php|lua|tclsh|osascript)[\d.]*")
_DISK = re.compile(r"/dev/(sd|hd|vd|nvme|mmcblk|disk|mapper|mem|kmem)")
_PARTS = re.compile(r"[=:,@]")


def decide_about_command(  # noqa: PLR0913 (each is a part of the question)
    tool: Tool,
    line: str,
    *,
    mode: Mode,
    rules: RuleSet,
    roots: Sequence[Path],
    explain_exclusion: Callable[[Path], str],
    hides_secrets: bool,
) -> Decision:
    """Return the decision about running the command line `line` with `tool`. Blocking: follows links.

    Args:
        tool: the tool that runs it.
        line: the line.
        mode: the session's mode; in plan mode no command runs.
        rules: the rules in force.
        roots: workspace folders; the first one is the working directory.
        explain_exclusion: returns why a path may not be read, "" if it may.
        hides_secrets: whether the command runs where excluded files cannot be read.
    """
    if refusal := _find_refusal(line, mode):
        return Decision(Effect.DENY, refusal)
    parsed = parse_line(line)
    judge = _Judge(tool, rules, roots, explain_exclusion)
    if denial := _find_unconditional_denial(parsed, roots) or judge.find_denial(parsed, line):
        return Decision(Effect.DENY, denial)
    allowed = [rules.find(tool, (), command.words) for command in parsed.commands]
    if not all(rule is not None and rule.effect is Effect.ALLOW for rule in allowed):
        asked = next((rule for rule in allowed if rule is not None and rule.effect is Effect.ASK), None)
        if asked is None:
            return Decision(Effect.ASK)
        return Decision(Effect.ASK, f"A rule has it asked ({asked}).", is_ruled=True)
    if doubt := judge.find_doubt(parsed, [rule for rule in allowed if rule], hides_secrets=hides_secrets):
        return Decision(Effect.ASK, f"Rules allow it, but {doubt}.")
    return Decision(Effect.ALLOW, rule="; ".join(dict.fromkeys(str(rule) for rule in allowed)))


def _find_refusal(line: str, mode: Mode) -> str:
    """Return why a line is denied before it is parsed, a sentence; "" if it is not."""
    if mode is Mode.PLAN:
        return "In plan mode no command runs; describe what you would run instead."
    if not line.strip():
        return "The command line is empty."
    if hidden := next((one for one in line if not one.isprintable() and one not in "\n\t"), ""):
        return f"The command line has an invisible character (U+{ord(hidden):04X}); write it without."
    return ""


class _Judge:
    """Judges the parts of one line by the rules and the exclusions."""

    def __init__(
        self, tool: Tool, rules: RuleSet, roots: Sequence[Path], explain_exclusion: Callable[[Path], str]
    ) -> None:
        self._tool = tool
        self._rules = rules
        self._roots = roots
        self._judge = PathJudge(rules, roots, explain_exclusion)

    def find_denial(self, parsed: ParsedLine, line: str) -> str:
        """Return why a rule or an excluded path denies the line, a sentence for the model; "" if none does."""
        words = [command.words for command in parsed.commands] or [tuple(line.split())]
        for one in words:
            for tool in (self._tool, EXECUTE_COMMAND):  # a rule about commands holds for each tool that runs one
                rule = self._rules.find(tool, (), one)
                if rule is not None and rule.effect is Effect.DENY:
                    return f"A rule denies this command ({rule}); do without it."
        return self._judge.find_denial(list(self._list_paths(parsed)))

    def find_doubt(self, parsed: ParsedLine, allowed: Sequence[Rule], *, hides_secrets: bool) -> str:
        """Return why a line that rules allow is asked about all the same, a clause; "" if it is not."""
        if sys.platform == "win32":
            return "on this system command lines are not understood"
        if parsed.unknowns:
            return f"it has {parsed.unknowns[0]}, which is only known when it runs"
        if any(one.writes for one in parsed.redirections):
            return "it writes a file"
        doubts = (
            _find_doubt_about_program(command, rule, hides_secrets=hides_secrets)
            for command, rule in zip(parsed.commands, allowed, strict=True)
        )
        return next(filter(None, doubts), "") or self._judge.find_doubt(self._list_paths(parsed))

    def _list_paths(self, parsed: ParsedLine) -> Iterator[Path]:
        """Yield the paths that arguments and redirections may stand for, and where their links lead.

        Takes whole words, their parts between `=`, `:`, `,` and `@`, and the rest of an option such as `-I`.
        """
        words = [word for command in parsed.commands for word in command.words[1:]]
        words += [one.path for one in parsed.redirections]
        for word in words:
            for part in {word, *_PARTS.split(word), word[2:] if word.startswith("-") else ""}:
                if part and part != "\0" and len(part) <= LONGEST_PATH and self._roots:
                    given = _locate(part, self._roots)
                    yield given
                    if (real := follow_links(given, self._roots)) != given:
                        yield real


def _find_doubt_about_program(command: SimpleCommand, rule: Rule, *, hides_secrets: bool) -> str:
    """Return a clause why a person has to be asked although `rule` allows the command: what its program can do.

    Returns "" if the program is no reason to ask.
    """
    program = command.program
    if program in WRAPPERS or program in SHELLS:
        return f"{program} runs other commands"
    if not rule.command.endswith("*"):
        return ""  # the person has written exactly this command
    if _INTERPRETER.fullmatch(program) and any(map(_CODE.match, command.words[1:])):
        return f"{program} runs code that stands in the line"
    if (program in READERS or _INTERPRETER.fullmatch(program)) and not hides_secrets:
        return f"{program} can read any file, and nothing hides secrets from it here"
    return ""


def _locate(name: str, roots: Sequence[Path]) -> Path:
    """Return the absolute path of `name` as the shell sees it in the first workspace folder; links are not resolved."""
    return Path(os.path.normpath(roots[0] / os.path.expanduser(name)))  # noqa: PTH111 (pathlib's raises)


def _find_unconditional_denial(parsed: ParsedLine, roots: Sequence[Path]) -> str:
    """Return why a line is never run, a sentence; "" if it may be.

    Such a line would delete everything, overwrite a disk or run a download.
    """
    for command in parsed.commands:
        program, arguments = command.program, command.words[1:]
        if program.startswith("mkfs") or (program == "dd" and any(_DISK.match(one[3:]) for one in arguments)):
            return f"{program} would overwrite a disk; Starling never runs that."
        if command.pipes_in and (program in SHELLS or _INTERPRETER.fullmatch(program)) and _has_download(parsed):
            return "The line would run a program from the network unseen; download it, read it, then run it."
        if program == "rm" and _is_recursive(arguments) and any(_covers_root_or_home(one, roots) for one in arguments):
            return "The line would delete a whole folder with everything that matters; name what is to be deleted."
    if any(_DISK.match(one.path) and one.writes for one in parsed.redirections):
        return "The line would overwrite a disk; Starling never runs that."
    return ""


def _has_download(parsed: ParsedLine) -> bool:
    """Return whether any command of a line is a program that downloads."""
    return any(one.program in {"curl", "wget", "fetch"} for one in parsed.commands)


def _is_recursive(arguments: Sequence[str]) -> bool:
    """Return whether arguments of `rm` make it delete folders with their content."""
    return any(one == "--recursive" or re.fullmatch(r"-[a-zA-Z]*[rR][a-zA-Z]*", one) for one in arguments)


def _covers_root_or_home(argument: str, roots: Sequence[Path]) -> bool:
    """Return whether `argument` names a workspace folder, the home folder, or a folder above one of these."""
    if argument.startswith("-") or not roots or argument == "\0":
        return False
    path = _locate(argument, roots)
    return any(root.is_relative_to(path) for root in (*roots, Path.home()))
