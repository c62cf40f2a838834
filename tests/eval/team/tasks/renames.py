"""Tasks that rename a function with all its uses."""

from __future__ import annotations

from tests.eval.team.checks import make_rename_check
from tests.eval.team.task import Kind, Task, make_edit, make_read, make_search

COMMENT_TEST = """from iniconfig import iscommentline


def test_a_line_that_begins_with_a_hash_is_a_comment():
    assert iscommentline("  # note")
    assert not iscommentline("key = value")
"""

TASKS = (
    Task(
        "rename_iscommentline",
        Kind.RENAME,
        "iniconfig",
        "Rename the function `iscommentline` of the package iniconfig to `is_comment_line`, everywhere it is used.",
        make_rename_check(
            "iscommentline",
            "is_comment_line",
            "import iniconfig\n"
            "assert iniconfig.is_comment_line(' # x') and not iniconfig.is_comment_line('x')\n"
            "assert 'is_comment_line' in iniconfig.__all__\n",
        ),
        (
            (make_search("iscommentline"),),
            (
                make_edit(
                    "iniconfig/_parse.py",
                    ("if iscommentline(line):", "if is_comment_line(line):"),
                    ("def iscommentline(", "def is_comment_line("),
                ),
                make_edit(
                    "iniconfig/__init__.py",
                    ('"iscommentline"', '"is_comment_line"'),
                    ("import iscommentline", "import is_comment_line"),
                ),
                make_edit(
                    "tests/test_comments.py",
                    ("import iscommentline", "import is_comment_line"),
                    ("assert iscommentline(", "assert is_comment_line("),
                    ("not iscommentline(", "not is_comment_line("),
                ),
            ),
        ),
        files={"tests/test_comments.py": COMMENT_TEST},
    ),
    Task(
        "rename_parseline",
        Kind.RENAME,
        "iniconfig",
        "In iniconfig/_parse.py rename `_parseline` to `_parse_line`, with its uses.",
        make_rename_check(
            "_parseline",
            "_parse_line",
            "from iniconfig._parse import _parse_line, parse_lines\n"
            "assert _parse_line('f', 'a = b', 0, False, False) == ('a', 'b')\n"
            "assert len(parse_lines('f', ['[s]', 'a = b'])) == 2\n",
        ),
        (
            (make_search("_parseline"),),
            (
                make_edit(
                    "iniconfig/_parse.py",
                    ("name, data = _parseline(", "name, data = _parse_line("),
                    ("def _parseline(", "def _parse_line("),
                ),
            ),
        ),
    ),
    Task(
        "rename_parse_ini_data",
        Kind.RENAME,
        "iniconfig",
        "Rename `parse_ini_data` in iniconfig/_parse.py to `parse_sections`, and change its callers.",
        make_rename_check(
            "parse_ini_data",
            "parse_sections",
            "import iniconfig\nfrom iniconfig._parse import parse_sections\n"
            "assert iniconfig.IniConfig('f', '[s]\\na = b').get('s', 'a') == 'b'\n"
            "assert iniconfig.IniConfig.parse('f', '[s]\\na = b').get('s', 'a') == 'b'\n",
        ),
        (
            (make_search("parse_ini_data"),),
            (
                make_edit("iniconfig/_parse.py", ("def parse_ini_data(", "def parse_sections(")),
                make_edit(
                    "iniconfig/__init__.py",
                    (
                        "_parse.parse_ini_data(\n                self.path",
                        "_parse.parse_sections(\n                self.path",
                    ),
                    ("_parse.parse_ini_data(\n            fspath", "_parse.parse_sections(\n            fspath"),
                ),
            ),
        ),
    ),
    Task(
        "rename_repl_func_with_cache",
        Kind.RENAME,
        "mdurl",
        "The name `repl_func_with_cache` in mdurl says little. Call it `decode_escapes` instead, wherever it occurs.",
        make_rename_check(
            "repl_func_with_cache",
            "decode_escapes",
            "import mdurl\nfrom mdurl._decode import decode_escapes\nassert mdurl.decode('%41%20b') == 'A b'\n",
        ),
        (
            (make_search("repl_func_with_cache"),),
            (
                make_edit(
                    "mdurl/_decode.py",
                    ("functools.partial(repl_func_with_cache,", "functools.partial(decode_escapes,"),
                    ("def repl_func_with_cache(", "def decode_escapes("),
                ),
            ),
        ),
    ),
    Task(
        "rename_formatdef",
        Kind.RENAME,
        "pluggy",
        "Rename the function `_formatdef` of pluggy/_manager.py to `_format_signature`, with all calls.",
        make_rename_check(
            "_formatdef",
            "_format_signature",
            "from pluggy._manager import _format_signature\n"
            "def f(a, b=1): ...\nassert _format_signature(f) == 'f(a, b=1)'\n"
            "import inspect, pluggy._manager as m\nassert inspect.getsource(m).count('_format_signature(') == 4\n",
        ),
        (
            (make_read("pluggy/_manager.py", 430, 480), make_search("_formatdef")),
            (
                make_edit(
                    "pluggy/_manager.py",
                    (
                        '{_formatdef(hookimpl.function)}\\n"\n                f"Argument',
                        '{_format_signature(hookimpl.function)}\\n"\n                f"Argument',
                    ),
                    (
                        '{_formatdef(hookimpl.function)}\\n"\n                "Declared',
                        '{_format_signature(hookimpl.function)}\\n"\n                "Declared',
                    ),
                    (
                        '{_formatdef(hookimpl.function)}\\n"\n                "The wrapper',
                        '{_format_signature(hookimpl.function)}\\n"\n                "The wrapper',
                    ),
                    ("def _formatdef(", "def _format_signature("),
                ),
            ),
        ),
    ),
    Task(
        "rename_raise_wrapfail",
        Kind.RENAME,
        "pluggy",
        "Rename `_raise_wrapfail` to `_raise_wrapper_error` in the whole package pluggy, the lists of exported names "
        "included.",
        make_rename_check(
            "_raise_wrapfail",
            "_raise_wrapper_error",
            "import pluggy._callers as callers, pluggy._execution as execution\n"
            "assert callers._raise_wrapper_error is execution._raise_wrapper_error\n"
            "assert '_raise_wrapper_error' in callers.__all__\n",
        ),
        (
            (
                make_search("_raise_wrapfail"),
                make_read("pluggy/_execution.py", 35, 75),
                make_read("pluggy/_execution.py", 135, 195),
            ),
            (
                make_edit(
                    "pluggy/_execution.py",
                    ('_raise_wrapfail(teardown, "did not', '_raise_wrapper_error(teardown, "did not'),
                    (
                        '    else:\n        _raise_wrapfail(teardown, "has second',
                        '    else:\n        _raise_wrapper_error(teardown, "has second',
                    ),
                    ("def _raise_wrapfail(", "def _raise_wrapper_error("),
                    ("_raise_wrapfail(function_gen", "_raise_wrapper_error(function_gen"),
                    (
                        'continue\n            _raise_wrapfail(teardown, "has second',
                        'continue\n            _raise_wrapper_error(teardown, "has second',
                    ),
                ),
                make_edit(
                    "pluggy/_callers.py",
                    ("import _raise_wrapfail", "import _raise_wrapper_error"),
                    ('"_raise_wrapfail"', '"_raise_wrapper_error"'),
                ),
            ),
        ),
    ),
    Task(
        "rename_enumerate_patterns",
        Kind.RENAME,
        "pathspec",
        "Rename the function `enumerate_patterns` of pathspec to `number_patterns`. All backends use it.",
        make_rename_check(
            "enumerate_patterns",
            "number_patterns",
            "import pathspec\nfrom pathspec._backends._utils import number_patterns\n"
            "assert number_patterns([], True, False) == []\n"
            "assert pathspec.GitIgnoreSpec.from_lines(['*.py']).match_file('a.py')\n",
        ),
        (
            (make_search("enumerate_patterns"),),
            (
                make_edit("pathspec/_backends/_utils.py", ("def enumerate_patterns(", "def number_patterns(")),
                *(
                    make_edit(
                        f"pathspec/_backends/{name}/pathspec.py",
                        ("\tenumerate_patterns)", "\tnumber_patterns)"),
                        (f"{before}enumerate_patterns(", f"{before}number_patterns("),
                    )
                    for name, before in (("simple", "= "), ("re2", "dict("), ("hyperscan", "= "))
                ),
            ),
        ),
    ),
    Task(
        "rename_iter_process_parents",
        Kind.RENAME,
        "shellingham",
        "In shellingham's posix modules proc.py and ps.py, rename `iter_process_parents` to `walk_parents`, and "
        "change the code that calls it. `_iter_process_parents` keeps its name.",
        make_rename_check(
            "iter_process_parents",
            "walk_parents",
            "from shellingham.posix import _iter_process_parents, proc, ps\n"
            "assert callable(proc.walk_parents) and callable(ps.walk_parents)\n"
            "import inspect\nassert 'walk_parents' in inspect.getsource(_iter_process_parents)\n",
        ),
        (
            (make_search(r"\biter_process_parents"),),
            (
                make_edit("shellingham/posix/proc.py", ("\ndef iter_process_parents(", "\ndef walk_parents(")),
                make_edit("shellingham/posix/ps.py", ("def iter_process_parents(", "def walk_parents(")),
                make_edit("shellingham/posix/__init__.py", ("impl.iter_process_parents(", "impl.walk_parents(")),
            ),
        ),
    ),
)
