"""Tasks that give a function a parameter with a default value, and pass it on where the request says so."""

from __future__ import annotations

from tests.eval.team.checks import make_run_check
from tests.eval.team.task import Kind, Task, make_edit, make_read

REPLACEMENT = '"\\ufffd"'

TASKS = (
    Task(
        "parameter_comment_characters",
        Kind.PARAMETER,
        "iniconfig",
        "Give `iscommentline` in iniconfig/_parse.py a second parameter `chars`, the characters that start a comment. "
        "Its default is COMMENTCHARS.",
        make_run_check(
            "from iniconfig import iscommentline\n"
            "assert iscommentline('# a') and iscommentline(' ; a') and not iscommentline('! a')\n"
            "assert iscommentline('! a', '!') and not iscommentline('# a', chars='!')\n"
        ),
        (
            (make_read("iniconfig/_parse.py", 150),),
            (
                make_edit(
                    "iniconfig/_parse.py",
                    ("def iscommentline(line: str)", "def iscommentline(line: str, chars: str = COMMENTCHARS)"),
                    ("    return c in COMMENTCHARS", "    return c in chars"),
                ),
            ),
        ),
    ),
    Task(
        "parameter_lineof_default",
        Kind.PARAMETER,
        "iniconfig",
        "`IniConfig.lineof` and `SectionWrapper.lineof` in iniconfig/__init__.py return None for an unknown name. Add "
        "a keyword parameter `default` to both, None by default, which is returned instead; the section's method "
        "passes it on.",
        make_run_check(
            "from iniconfig import IniConfig\n"
            "config = IniConfig('f', '[s]\\na = b')\n"
            "assert config.lineof('s', 'a') == 2 and config['s'].lineof('a') == 2\n"
            "assert config.lineof('s', 'x') is None and config['s'].lineof('x') is None\n"
            "assert config.lineof('s', 'x', default=-1) == -1 and config['s'].lineof('x', default=-1) == -1\n"
        ),
        (
            (make_read("iniconfig/__init__.py", 24, 40), make_read("iniconfig/__init__.py", 178, 186)),
            (
                make_edit(
                    "iniconfig/__init__.py",
                    (
                        (
                            "    def lineof(self, name: str) -> int | None:\n"
                            "        return self.config.lineof(self.name, name)"
                        ),
                        (
                            "    def lineof(self, name: str, *, default: int | None = None) -> int | None:\n"
                            "        return self.config.lineof(self.name, name, default=default)"
                        ),
                    ),
                    (
                        "def lineof(self, section: str, name: str | None = None) -> int | None:",
                        (
                            "def lineof(self, section: str, name: str | None = None, *, default: int | None = None)"
                            " -> int | None:"
                        ),
                    ),
                    ("return None if lineno is None else", "return default if lineno is None else"),
                ),
            ),
        ),
    ),
    Task(
        "parameter_format_auth",
        Kind.PARAMETER,
        "mdurl",
        "`mdurl.format` always writes user name and password. Add a keyword-only parameter `with_auth`, True by "
        "default; with False they are left out.",
        make_run_check(
            "import mdurl\n"
            "url = mdurl.parse('http://me:secret@host/path')\n"
            "assert mdurl.format(url) == 'http://me:secret@host/path'\n"
            "assert mdurl.format(url, with_auth=True) == mdurl.format(url)\n"
            "assert mdurl.format(url, with_auth=False) == 'http://host/path'\n"
        ),
        (
            (make_read("mdurl/_format.py"),),
            (
                make_edit(
                    "mdurl/_format.py",
                    ("def format(url: URL)", "def format(url: URL, *, with_auth: bool = True)"),
                    ("if url.auth else", "if url.auth and with_auth else"),
                ),
            ),
        ),
    ),
    Task(
        "parameter_decode_replacement",
        Kind.PARAMETER,
        "mdurl",
        "mdurl.decode puts U+FFFD for every byte that is no UTF-8. Let callers choose: a keyword-only parameter "
        "`replacement` of `decode`, U+FFFD by default, which it passes on to `repl_func_with_cache`.",
        make_run_check(
            "import mdurl\n"
            "assert mdurl.decode('a%FF') == 'a\\ufffd' and mdurl.decode('%C3%A4') == '\\xe4'\n"
            "assert mdurl.decode('a%FF', replacement='?') == 'a?'\n"
            "assert mdurl.decode('%C0%80', replacement='?') == '??'\n"
        ),
        (
            (make_read("mdurl/_decode.py"),),
            (
                make_edit(
                    "mdurl/_decode.py",
                    (
                        "def decode(string: str, exclude: str = DECODE_DEFAULT_CHARS) -> str:",
                        (
                            "def decode(\n    string: str, exclude: str = DECODE_DEFAULT_CHARS, *, replacement: str = "
                            f"{REPLACEMENT}\n) -> str:"
                        ),
                    ),
                    ("cache=cache)", "cache=cache, replacement=replacement)"),
                    (
                        "def repl_func_with_cache(match: re.Match, cache: Sequence[str])",
                        (
                            "def repl_func_with_cache(\n    match: re.Match, cache: Sequence[str], replacement: str = "
                            f"{REPLACEMENT}\n)"
                        ),
                    ),
                    (f"{REPLACEMENT} * 2", "replacement * 2"),
                    (f"{REPLACEMENT} * 3", "replacement * 3"),
                    (f"{REPLACEMENT} * 4", "replacement * 4"),
                    (
                        f"        result += {REPLACEMENT}\n        i += 3",
                        "        result += replacement\n        i += 3",
                    ),
                ),
            ),
        ),
    ),
    Task(
        "parameter_directory_separator",
        Kind.PARAMETER,
        "pathspec",
        "`append_dir_sep` in pathspec/util.py appends os.sep. Add a second parameter `sep` with os.sep as default, and "
        "append that.",
        make_run_check(
            "import os, pathlib\nfrom pathspec.util import append_dir_sep\n"
            "here = pathlib.Path(__import__('pathspec').__file__).parent\n"
            "assert append_dir_sep(here) == str(here) + os.sep\n"
            "assert append_dir_sep(here, '|') == append_dir_sep(here, sep='|') == str(here) + '|'\n"
            "assert append_dir_sep(here / 'util.py', '|') == str(here / 'util.py')\n"
        ),
        (
            (make_read("pathspec/util.py", 65, 90),),
            (
                make_edit(
                    "pathspec/util.py",
                    (
                        "def append_dir_sep(path: pathlib.Path) -> str:",
                        "def append_dir_sep(path: pathlib.Path, sep: str = os.sep) -> str:",
                    ),
                    ("str_path += os.sep", "str_path += sep"),
                ),
            ),
        ),
    ),
    Task(
        "parameter_sdist_extensions",
        Kind.PARAMETER,
        "packaging",
        "`parse_sdist_filename` in packaging/utils.py accepts names that end in .tar.gz or .zip. Add a keyword-only "
        "parameter `extensions`, a tuple of endings with these two as default, and accept the endings in it.",
        make_run_check(
            "from packaging.utils import InvalidSdistFilename, parse_sdist_filename\n"
            "assert str(parse_sdist_filename('a-1.0.zip')[1]) == '1.0'\n"
            "assert str(parse_sdist_filename('a-1.0.tar.xz', extensions=('.tar.xz',))[1]) == '1.0'\n"
            "for name, more in (('a-1.tar.xz', {}), ('a-1.zip', {'extensions': ('.tar.gz',)})):\n"
            "    try:\n        parse_sdist_filename(name, **more)\n    except InvalidSdistFilename:\n        continue\n"
            "    raise SystemExit(f'{name} was accepted')\n"
        ),
        (
            (make_read("packaging/utils.py", 306),),
            (
                make_edit(
                    "packaging/utils.py",
                    (
                        "def parse_sdist_filename(filename: str) -> tuple[NormalizedName, Version]:",
                        (
                            "def parse_sdist_filename(\n"
                            '    filename: str, *, extensions: tuple[str, ...] = (".tar.gz", ".zip")\n'
                            ") -> tuple[NormalizedName, Version]:"
                        ),
                    ),
                    (
                        (
                            '    if filename.endswith(".tar.gz"):\n        file_stem = filename[: -len(".tar.gz")]\n'
                            '    elif filename.endswith(".zip"):\n        file_stem = filename[: -len(".zip")]\n'
                            "    else:\n"
                        ),
                        (
                            "    for extension in extensions:\n        if filename.endswith(extension):\n"
                            "            file_stem = filename[: -len(extension)]\n            break\n    else:\n"
                        ),
                    ),
                ),
            ),
        ),
    ),
    Task(
        "parameter_surrogate_errors",
        Kind.PARAMETER,
        "pluggy",
        "In pluggy/_tracing.py give `_escape_surrogates` and `_safe_str` a parameter `errors`, the name of the error "
        'handler of `encode`, by default "backslashreplace". `_safe_str` passes it on.',
        make_run_check(
            "from pluggy._tracing import _escape_surrogates, _safe_str\n"
            "text = 'a' + chr(0xd800)\n"
            "assert _safe_str(text) == _escape_surrogates(text) == 'a' + chr(92) + 'ud800'\n"
            "assert _safe_str(text, errors='replace') == _escape_surrogates(text, errors='replace') == 'a?'\n"
        ),
        (
            (make_read("pluggy/_tracing.py", 1, 50),),
            (
                make_edit(
                    "pluggy/_tracing.py",
                    (
                        "def _escape_surrogates(text: str) -> str:",
                        'def _escape_surrogates(text: str, errors: str = "backslashreplace") -> str:',
                    ),
                    ('text.encode("utf-8", "backslashreplace")', 'text.encode("utf-8", errors)'),
                    (
                        "def _safe_str(obj: object) -> str:",
                        'def _safe_str(obj: object, errors: str = "backslashreplace") -> str:',
                    ),
                    (
                        'obj, "str")\n    return _escape_surrogates(text)',
                        'obj, "str")\n    return _escape_surrogates(text, errors)',
                    ),
                ),
            ),
        ),
    ),
)
