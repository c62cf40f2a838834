"""Sentences for a person: why a file is excluded, and how to include it. Start at `explain`."""

from __future__ import annotations

_WANTED = "add `!/{what}` to the workspace's .starlingignore to have it in"
_WHY: dict[str, tuple[str, str]] = {
    "secret": ("{what} may hold secrets", "nothing lets it in; rename it if it holds none"),
    "excluded": ("the setting index.exclude names {what}", "change that setting to have it in"),
    "ignored": ("a .gitignore or .starlingignore names {what}", _WANTED),
    "generated": ("{what} is marked as generated", _WANTED),
    "minified": ("{what} looks minified", _WANTED),
    "long lines": ("{what} has very long lines", _WANTED),
    "vendored": ("{what} is named or marked as code of others", _WANTED),
    "build output": (
        "{what} is named like build output, and git tracks nothing in it",
        "add its files to git, or `!/{what}` to the workspace's .starlingignore, to have it in",
    ),
    "environment": ("{what} holds installed packages", _WANTED),
    "cache": ("{what} is a folder that tools use for themselves", _WANTED),
    "version control": ("{what} belongs to version control", ""),
    "lock file": ("{what} is a lock file", _WANTED),
    "binary": ("{what} is binary", ""),
    "too large": (
        "{what} is larger than the settings allow",
        "raise index.maxFileBytes or review.maxFileBytes to have it in",
    ),
    "unreadable": ("{what} cannot be read", "look at its permissions"),
    "outside": ("it lies in no workspace folder", "open the folder that holds it"),
    "special": ("{what} is no regular file", ""),
}


def explain(name: str, reason: str, what: str) -> str:
    """Return a sentence that says why the file `name` is excluded and how to include it.

    Args:
        name: the file's name as the person sees it.
        reason: the reason of the exclusion filter.
        what: the excluded file or folder, relative to the workspace folder.
    """
    why, how = _WHY.get(reason, (reason, ""))
    sentence = f"{name} is left out ({reason}): {why.format(what=what)}"
    return f"{sentence}; {how.format(what=what)}." if how else f"{sentence}."
