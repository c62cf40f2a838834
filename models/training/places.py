"""Places in held-out code where the rest of a line is to be completed.

The places are the same for every model: fixed seed, equal numbers for each package. Start at `choose_line_rests`.
"""

from __future__ import annotations

import io
import random
import token
import tokenize
from collections import defaultdict
from typing import TYPE_CHECKING

from models.training.languages import find_language, find_token_ends
from models.training.samples import Hole

if TYPE_CHECKING:
    from collections.abc import Iterable

    from models.training.sources import SourceFile

_LEAST_TOKENS = 5  # lexer tokens of a line worth completing; the evaluation's rule
_NO_CODE = frozenset({token.COMMENT, token.NL, token.NEWLINE, token.INDENT, token.DEDENT, token.ENDMARKER})
_UNWANTED_STARTS = frozenset({"import", "from", "@"})
_UNWANTED_ELSEWHERE = ("import", "package ", "use ", "#", "@")


def choose_line_rests(files: Iterable[SourceFile], *, per_package: int, seed: int) -> list[tuple[str, Hole]]:
    """Return package and hole of up to `per_package` random code lines of each package.

    A hole's middle is the rest of its line after a random lexer token.
    """
    by_package: defaultdict[str, list[SourceFile]] = defaultdict(list)
    for file in files:
        by_package[file.package].append(file)
    rng = random.Random(seed)  # noqa: S311 - a reproducible choice, nothing secret
    chosen: list[tuple[str, Hole]] = []
    for package in sorted(by_package):
        cuts = [(file, cut) for file in by_package[package] for cut in _choose_cuts(file, rng)]
        for file, (cursor, end) in rng.sample(cuts, min(per_package, len(cuts))):
            hole = Hole(file.path, file.text[:cursor], file.text[cursor:end], file.text[end:])
            chosen.append((package, hole))
    return chosen


def _choose_cuts(file: SourceFile, rng: random.Random) -> list[tuple[int, int]]:
    """Return offsets of a random cursor and of the line's end, for each line with `_LEAST_TOKENS` tokens or more."""
    by_line = _find_python_ends(file.text) if find_language(file.path) == "python" else _find_other_ends(file)
    cuts: list[tuple[int, int]] = []
    start = 0
    for number, line in enumerate(file.text.split("\n")):
        ends = by_line.get(number, [])
        if len(ends) >= _LEAST_TOKENS:
            cuts.append((start + rng.choice(ends[:-2]), start + len(line.rstrip())))
        start += len(line) + 1
    return cuts


def _find_python_ends(text: str) -> dict[int, list[int]]:
    """Return the columns where lexer tokens end in Python code, by line from 0.

    Lines that begin with a string, an import or a decorator, and those that `_lex` omits, are left out.
    """
    return {
        number - 1: [found.end[1] for found in tokens]
        for number, tokens in _lex(text).items()
        if tokens[0].type != token.STRING and tokens[0].string not in _UNWANTED_STARTS
    }


def _find_other_ends(file: SourceFile) -> dict[int, list[int]]:
    """Return the same as `_find_python_ends` for a file in another language."""
    lines = file.text.split("\n")
    found = find_token_ends(file.path, file.text)
    return {
        number: ends for number, ends in found.items() if not lines[number].lstrip().startswith(_UNWANTED_ELSEWHERE)
    }


def _lex(text: str) -> dict[int, list[tokenize.TokenInfo]]:
    """Return the lexer tokens of each line of Python code, by line from 1; {} if it cannot be lexed.

    Lines with a comment or a token that spans lines are left out.
    """
    by_line: defaultdict[int, list[tokenize.TokenInfo]] = defaultdict(list)
    unwanted: set[int] = set()
    try:
        for found in tokenize.generate_tokens(io.StringIO(text, newline="\n").readline):
            if found.start[0] != found.end[0] or found.type == token.COMMENT:
                unwanted.update(range(found.start[0], found.end[0] + 1))
            elif found.type not in _NO_CODE:
                by_line[found.start[0]].append(found)
    except (tokenize.TokenError, SyntaxError):
        return {}
    return {number: tokens for number, tokens in by_line.items() if number not in unwanted}
