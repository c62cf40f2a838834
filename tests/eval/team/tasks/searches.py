"""Tasks that ask where something stands; the answer has to name file and line."""

from __future__ import annotations

from tests.eval.team.checks import make_place_check
from tests.eval.team.task import Kind, Task, make_search

REQUEST = " Answer with the path of the file and the number of the line."


def _make(  # noqa: PLR0917 (the parts of a task, in the order in which they are read)
    name: str, package: str, request: str, path: str, text: str, at: int
) -> Task:
    """Return the task to find the one line of `path` that holds `text`; the oracle says that it is line `at`."""
    pattern = text.replace("(", r"\(").replace("[", r"\[").replace(".", r"\.")
    return Task(
        name,
        Kind.FIND,
        package,
        request + REQUEST,
        make_place_check(path, text),
        ((make_search(pattern),),),
        f"{path}:{at}",
    )


TASKS = (
    _make(
        "find_duplicate_section",
        "iniconfig",
        "Where does iniconfig raise the error for a section that occurs twice?",
        "iniconfig/_parse.py",
        'raise ParseError(path, lineno, f"duplicate section',
        57,
    ),
    _make(
        "find_hostname_length",
        "mdurl",
        "Where is the longest allowed host name defined in mdurl?",
        "mdurl/_parse.py",
        "HOSTNAME_MAX_LEN = ",
        74,
    ),
    _make(
        "find_musl_version",
        "packaging",
        "Which line of packaging defines the function that parses the version out of musl's output?",
        "packaging/_musllinux.py",
        "def _parse_musl_version(",
        26,
    ),
    _make(
        "find_registered_twice",
        "pathspec",
        "Where does pathspec raise AlreadyRegisteredError?",
        "pathspec/util.py",
        "raise AlreadyRegisteredError(",
        599,
    ),
    _make(
        "find_teardown_warning",
        "pluggy",
        "Which function of pluggy warns about an exception that a hook wrapper raised after its yield? Name the line "
        "of its def.",
        "pluggy/_execution.py",
        "def _warn_teardown_exception(",
        77,
    ),
    _make(
        "find_qemu",
        "shellingham",
        "In which line does shellingham check whether a process is QEMU or rosetta?",
        "shellingham/posix/__init__.py",
        'if name == "rosetta" or ',
        91,
    ),
)
