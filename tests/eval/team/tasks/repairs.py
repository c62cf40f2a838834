"""Tasks that repair a function whose test fails, because a fault was put into it."""

from __future__ import annotations

from tests.eval.team.checks import make_repair_check
from tests.eval.team.task import Edit, Kind, Task, make_edit, make_read

TEST = "tests/test_it.py"
REQUEST = "The test in tests/test_it.py fails. Find out why, and correct the code of {}; do not change the test."


def _make(  # noqa: PLR0917 (the parts of a task, in the order in which they are read)
    name: str, package: str, fault: Edit, test: str, code: str, look: tuple[int, int]
) -> Task:
    """Return the task to repair `fault`, which makes `test` fail; `look` is the range of lines that the oracle reads.

    `code` has to run after the repair, besides the test.
    """
    return Task(
        name,
        Kind.REPAIR,
        package,
        REQUEST.format(package),
        make_repair_check(code, test),
        ((make_read(TEST), make_read(fault.path, *look)), (make_edit(fault.path, (fault.new, fault.old)),)),
        fault=fault,
        files={TEST: test},
    )


TASKS = (
    _make(
        "repair_error_line",
        "iniconfig",
        Edit("iniconfig/exceptions.py", "{self.lineno + 1}", "{self.lineno}"),
        "from iniconfig import ParseError\n\n\ndef test_the_message_counts_lines_from_one():\n"
        '    assert str(ParseError("a.ini", 0, "bad")) == "a.ini:1: bad"\n',
        "from iniconfig import ParseError\nassert str(ParseError('x', 7, 'y')) == 'x:8: y'\n",
        (1, 16),
    ),
    _make(
        "repair_lineof",
        "iniconfig",
        Edit("iniconfig/__init__.py", "None if lineno is None else lineno + 1", "None if not lineno else lineno + 1"),
        "from iniconfig import IniConfig\n\n\ndef test_a_section_in_the_first_line_has_line_1():\n"
        '    config = IniConfig("f", "[one]\\na = 1\\n")\n    assert config.lineof("one") == 1\n'
        '    assert config.lineof("one", "a") == 2\n    assert config.lineof("two") is None\n',
        "from iniconfig import IniConfig\nassert IniConfig('f', '[s]\\na=1').lineof('s') == 1\n",
        (178, 185),
    ),
    _make(
        "repair_value_with_equals",
        "iniconfig",
        Edit("iniconfig/_parse.py", 'line.split("=", 1)', 'line.split("=")'),
        "from iniconfig import IniConfig\n\n\ndef test_a_value_may_hold_equals_signs():\n"
        '    config = IniConfig("f", "[s]\\nurl = a?b=c\\n")\n    assert config["s"]["url"] == "a?b=c"\n',
        "from iniconfig import IniConfig\n"
        "assert IniConfig('f', '[s]\\na = b\\nc: d=e').get('s', 'a') == 'b'\n"
        "assert IniConfig('f', '[s]\\na = b=c=d').get('s', 'a') == 'b=c=d'\n",
        (110, 140),
    ),
    _make(
        "repair_ipv6_host",
        "mdurl",
        Edit("mdurl/_format.py", 'result += "[" + url.hostname + "]"\n', "result += url.hostname\n"),
        "import mdurl\n\n\ndef test_an_ipv6_address_keeps_its_brackets():\n"
        '    assert mdurl.format(mdurl.parse("http://[::1]:80/x")) == "http://[::1]:80/x"\n',
        "import mdurl\nfor url in ('http://[fe80::1]/', 'http://host:1/a?b#c'):\n"
        "    assert mdurl.format(mdurl.parse(url)) == url\n",
        (1, 27),
    ),
    _make(
        "repair_last_escape",
        "mdurl",
        Edit("mdurl/_encode.py", "code == 0x25 and i + 2 < l", "code == 0x25 and i + 3 < l"),
        'import mdurl\n\n\ndef test_an_escape_at_the_end_is_kept():\n    assert mdurl.encode("a b%20") == "a%20b%20"\n',
        "import mdurl\nassert mdurl.encode('%20') == '%20' and mdurl.encode('%2') == '%252'\n",
        (45, 85),
    ),
    _make(
        "repair_canonical_name",
        "packaging",
        Edit("packaging/utils.py", 'while "--" in value:', 'if "--" in value:'),
        "from packaging.utils import canonicalize_name\n\n\ndef test_any_run_of_separators_is_one_hyphen():\n"
        '    assert canonicalize_name("A.-_b") == "a-b"\n    assert canonicalize_name("a____b") == "a-b"\n',
        "from packaging.utils import canonicalize_name\nassert canonicalize_name('a' + '_' * 40 + 'b') == 'a-b'\n",
        (82, 125),
    ),
    _make(
        "repair_match_file",
        "pathspec",
        Edit("pathspec/util.py", "\t\t\tmatched = pattern.include\n", "\t\t\tmatched = True\n"),
        "import re\n\nfrom pathspec import util\nfrom pathspec.pattern import RegexPattern\n\n\n"
        "def test_a_later_pattern_can_exclude_a_file_again():\n"
        '    patterns = [RegexPattern(re.compile(".*"), True), RegexPattern(re.compile("b"), False)]\n'
        '    assert util.match_file(patterns, "a")\n    assert not util.match_file(patterns, "b")\n',
        "import re\nfrom pathspec import util\nfrom pathspec.pattern import RegexPattern\n"
        "patterns = [RegexPattern(re.compile('a'), False), RegexPattern(re.compile('a'), True)]\n"
        "assert util.match_file(patterns, 'a') is True and util.match_file(patterns, 'x') is False\n",
        (441, 462),
    ),
    _make(
        "repair_force_result",
        "pluggy",
        Edit(
            "pluggy/_result.py",
            "        self._result = result\n        self._exception = None\n        self._traceback = None",
            "        self._result = result\n        self._traceback = None",
        ),
        "from pluggy import Result\n\n\ndef test_a_forced_result_replaces_an_exception():\n"
        "    result = Result(None, ValueError())\n    result.force_result(3)\n    assert result.get_result() == 3\n",
        "from pluggy import Result\nresult = Result(None, KeyError())\nresult.force_result(1)\n"
        "assert result.exception is None and result.excinfo is None\n",
        (50, 105),
    ),
)
