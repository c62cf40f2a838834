"""Tasks that ask about code; the answer has to name facts that stand in it."""

from __future__ import annotations

from tests.eval.team.checks import make_fact_check
from tests.eval.team.task import Kind, Task, make_read, make_search

TASKS = (
    Task(
        "explain_comments",
        Kind.EXPLAIN,
        "iniconfig",
        "Which function of iniconfig decides whether a line is a comment, and which characters start one?",
        make_fact_check(r"iscommentline", "#", ";"),
        ((make_search("COMMENTCHARS"),),),
        "`iscommentline` in iniconfig/_parse.py: a line is a comment if its first character is `#` or `;`.",
    ),
    Task(
        "explain_invalid_bytes",
        Kind.EXPLAIN,
        "mdurl",
        "What does `mdurl.decode` put into its result for escaped bytes that are no valid UTF-8?",
        make_fact_check(r"u\+?fffd|\ufffd|replacement char"),
        ((make_read("mdurl/_decode.py"),),),
        "It puts U+FFFD, the replacement character, for each such byte.",
    ),
    Task(
        "explain_invalid_version",
        Kind.EXPLAIN,
        "packaging",
        "What does `canonicalize_version` in packaging/utils.py return for a text that is no valid version? Does it "
        "raise an exception?",
        make_fact_check(
            r"unchanged|unaltered|unmodified|as (it )?is|as given|same (text|string)|original|itself",
            r"\b(no|not|n't|never|without|catch\w*|instead)\b|n't",
        ),
        ((make_read("packaging/utils.py", 154, 198),),),
        "It returns the text unchanged: InvalidVersion is caught, so no exception is raised.",
    ),
    Task(
        "explain_get_result",
        Kind.EXPLAIN,
        "pluggy",
        "How does `Result.get_result` in pluggy/_result.py decide whether to return a value or to raise?",
        make_fact_check(r"exception|\bexc\b", r"\bNone\b", r"traceback|rais"),
        ((make_read("pluggy/_result.py", 50),),),
        "If the stored exception is None it returns the result; otherwise it raises the exception with the traceback "
        "that was kept.",
    ),
    Task(
        "explain_process_parents",
        Kind.EXPLAIN,
        "shellingham",
        "How does shellingham find the parent processes on posix systems? Which ways does it try, in which order, and "
        "what happens if none works?",
        make_fact_check(r"\bproc\b.*\bps\b", "ShellDetectionFailure"),
        ((make_search("_iter_process_parents"), make_read("shellingham/posix/__init__.py", 35, 52)),),
        "`_iter_process_parents` tries the proc file system first and the program ps after it. If both fail it raises "
        "ShellDetectionFailure.",
    ),
)
