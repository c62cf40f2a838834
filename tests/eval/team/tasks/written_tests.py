"""Tasks that write a test, which has to pass on the package as it is and to fail on a faulted copy."""

from __future__ import annotations

from tests.eval.team.checks import make_test_check
from tests.eval.team.task import Edit, Kind, Task, make_read, make_write


def _make(  # noqa: PLR0917 (the parts of a task, in the order in which they are read)
    name: str, package: str, request: str, path: str, fault: Edit, test: str
) -> Task:
    """Return the task to write a test in the file `path` that finds `fault`; the oracle writes `test`."""
    return Task(
        name,
        Kind.TEST,
        package,
        f"{request} Write the test as a plain function with assert into the new file {path}; change nothing else.",
        make_test_check(path, fault),
        ((make_read(fault.path),), (make_write(path, test),)),
    )


TASKS = (
    _make(
        "test_order_of_names",
        "iniconfig",
        "Iterating over a section of an IniConfig yields its names in the order of their lines. No test says so yet.",
        "tests/test_order.py",
        Edit("iniconfig/__init__.py", "yield from sorted(section, key=lineof)", "yield from sorted(section)"),
        "from iniconfig import IniConfig\n\n\ndef test_names_come_in_the_order_of_their_lines():\n"
        '    config = IniConfig("f", "[s]\\nb = 1\\na = 2\\n")\n    assert list(config["s"]) == ["b", "a"]\n',
    ),
    _make(
        "test_keep_escaped",
        "mdurl",
        "`mdurl.encode` has the parameter keep_escaped. Test that with False the percent sign of %20 is escaped again.",
        "tests/test_keep_escaped.py",
        Edit("mdurl/_encode.py", "if keep_escaped and code == 0x25", "if code == 0x25"),
        "import mdurl\n\n\ndef test_escapes_are_escaped_again_on_request():\n"
        '    assert mdurl.encode("%20") == "%20"\n    assert mdurl.encode("%20", keep_escaped=False) == "%2520"\n',
    ),
    _make(
        "test_trailing_zero",
        "packaging",
        "`canonicalize_version` in packaging/utils.py strips trailing zeros unless strip_trailing_zero is False. Test "
        "both cases.",
        "tests/test_zeros.py",
        Edit(
            "packaging/utils.py",
            "_TrimmedRelease(version) if strip_trailing_zero else version",
            "_TrimmedRelease(version)",
        ),
        "from packaging.utils import canonicalize_version\n\n\ndef test_trailing_zeros_are_stripped_unless_kept():\n"
        '    assert canonicalize_version("1.0.0") == "1"\n'
        '    assert canonicalize_version("1.0.0", strip_trailing_zero=False) == "1.0.0"\n',
    ),
    _make(
        "test_build_number",
        "packaging",
        "`parse_wheel_filename` in packaging/utils.py returns the build tag as a pair: a number (int) and the rest. "
        "Test this with a wheel whose build tag is 2b.",
        "tests/test_build.py",
        Edit("packaging/utils.py", "(int(build_match.group(1)), ", "(build_match.group(1), "),
        "from packaging.utils import parse_wheel_filename\n\n\ndef test_a_build_tag_begins_with_a_number():\n"
        '    assert parse_wheel_filename("a-1.0-2b-py3-none-any.whl")[2] == (2, "b")\n',
    ),
    _make(
        "test_current_directory",
        "pathspec",
        "`normalize_file` in pathspec/util.py removes a leading ./ from a path. Test that.",
        "tests/test_normalize.py",
        Edit("pathspec/util.py", "norm_file = norm_file[2:]", "norm_file = norm_file[1:]"),
        "from pathspec.util import normalize_file\n\n\ndef test_the_current_directory_is_left_out():\n"
        '    assert normalize_file("./a/b.py") == "a/b.py"\n',
    ),
    _make(
        "test_plain_token",
        "pluggy",
        "`_is_plain_token` in pluggy/_tracing.py is True for a text that needs no quotes: not empty, printable, "
        "without spaces. Test all three conditions.",
        "tests/test_tokens.py",
        Edit("pluggy/_tracing.py", ' and " " not in text', ""),
        "from pluggy._tracing import _is_plain_token\n\n\ndef test_a_plain_token_needs_no_quotes():\n"
        '    assert _is_plain_token("word")\n    assert not _is_plain_token("")\n'
        '    assert not _is_plain_token("two words")\n    assert not _is_plain_token("a\\n")\n',
    ),
)
