r"""Samples stage: rows of tokens with fill-in-the-middle samples from the corpus, in the layout of the product.

Rows are made once, with a fixed seed, and training maps them into memory. Each row holds one sample of the whole
context length (and further samples where a file was short), so that positions are the same in training and in use.
Layouts (StarCoder's tokens):

    PSM  [snippets]<fim_prefix>[<filename>path\n]prefix<fim_suffix>suffix<fim_middle>middle<|endoftext|>
    SPM  [snippets]<fim_prefix><fim_suffix>suffix<fim_middle>[<filename>path\n]prefix middle<|endoftext|>

Each snippet of another file stands below its own `<filename>path\n`.
A word or spaces that the cursor stands in belong to the middle, because the product leaves them out of its prompts and
has the answer begin with them. Start at `write_rows`.
"""

from __future__ import annotations

import random
import re
from bisect import bisect
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Literal

import numpy as np
from tokenizers import Tokenizer

from models.training.neighbours import Neighbourhood, Passage

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from models.training.sources import SourceFile

_LEAST_BODY = 16  # tokens of a snippet; fewer do not help
_LEAST_ROOM = 64  # tokens; a row with less room left is padded
_BRACKETS = {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}
_AFTER_TRIGGER = "([{.,=: "
_BEGUN = re.compile(r"(?:[^\W\d_]+|[ \t]+)\Z")  # as in `models/fim.py`: text that the next character may lengthen
_LONGEST_BEGUN = 64
_MOST_NEIGHBOURS = 2
_PART_ROWS = 1024  # rows written with one seed
_writers: list[RowWriter] = []  # the writer of a worker process


@dataclass(frozen=True, slots=True)
class Mix:
    """Shares of the kinds of samples, in [0, 1], with their limits and weights.

    Attributes:
        spm: fill-in-the-middle samples laid out suffix first; the others are PSM.
        file_name: samples that name their file.
        no_suffix: samples with nothing after the cursor.
        rest_of_line: middles that end with their line.
        statement: middles that end with their statement; the others end with their block.
        line_start: cursors at a line's first character.
        trigger: cursors after a character where people pause; the others are anywhere in a line.
        neighbours: first samples of a row that have snippets of other files before them.
        neighbour_share: part of the row that these snippets may take.
        suffix_tokens: maximum length of a suffix.
        middle_weight: weight of a middle's tokens in the loss; prefix and suffix count 1, markers and names 0.
    """

    spm: float = 0.9
    file_name: float = 0.8
    no_suffix: float = 0.2
    rest_of_line: float = 0.7
    statement: float = 0.15
    line_start: float = 0.25
    trigger: float = 0.3
    neighbours: float = 0.2
    neighbour_share: float = 0.3
    suffix_tokens: int = 170
    middle_weight: int = 3


@dataclass(frozen=True, slots=True)
class Hole:
    """A file split in three: text before the cursor, the text to complete, and the rest."""

    path: str
    prefix: str
    middle: str
    suffix: str


@dataclass(frozen=True, slots=True)
class RowPlan:
    """Number, length, seed and mix of the rows; a row has `positions` + 1 tokens, as labels are shifted by one."""

    rows: int
    positions: int
    seed: int
    mix: Mix


class Markers:
    """Token ids of the markers, by StarCoder's names."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.prefix = _find_id(tokenizer, "<fim_prefix>")
        self.suffix = _find_id(tokenizer, "<fim_suffix>")
        self.middle = _find_id(tokenizer, "<fim_middle>")
        self.file = _find_id(tokenizer, "<filename>")
        self.end = _find_id(tokenizer, "<|endoftext|>")


class Encoder:
    """Converter of holes to tokens and loss weights."""

    def __init__(self, tokenizer: Tokenizer, mix: Mix) -> None:
        self.markers = Markers(tokenizer)
        self._tokenizer = tokenizer
        self._tokenizer.encode_special_tokens = True  # a file that spells a marker must not contain one
        self._mix = mix

    def encode(self, text: str) -> list[int]:
        """Return the token ids of `text`, without markers; a marker's name in it is ordinary text."""
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return ids

    def make_prompt(
        self, hole: Hole, room: int, *, spm: bool, named: bool, suffix_tokens: int
    ) -> tuple[list[int], list[int]]:
        """Return the tokens before the middle and their loss weights; text far from the cursor is left out.

        Args:
            hole: the file, split at the cursor.
            room: maximum number of tokens.
            spm: suffix first (suffix-prefix-middle) as in https://arxiv.org/abs/2207.14255, else prefix first.
            named: whether the path of the file is included, unless it takes more than a fifth of `room`.
            suffix_tokens: maximum length of the suffix.
        """
        marks = self.markers
        name = [marks.file, *self.encode(hole.path + "\n")] if named else []
        if len(name) > room // 5:
            name = []
        suffix = self.encode(hole.suffix[: 8 * suffix_tokens])[:suffix_tokens]
        left = max(room - len(name) - len(suffix) - 3, 1)
        prefix = self.encode(hole.prefix[-8 * left :])[-left:]
        named_prefix = name + prefix
        weights = [0] * len(name) + [1] * len(prefix)
        if spm:
            ids = [marks.prefix, marks.suffix, *suffix, marks.middle, *named_prefix]
            return ids, [0, 0, *[1] * len(suffix), 0, *weights]
        ids = [marks.prefix, *named_prefix, marks.suffix, *suffix, marks.middle]
        return ids, [0, *weights, 0, *[1] * len(suffix), 0]

    def make_snippets(self, neighbours: Sequence[Passage], room: int) -> tuple[list[int], list[int]]:
        """Return tokens and loss weights, at most `room`, of passages of other files, each after its file's path.

        The last passage may be cut; one that would have fewer than `_LEAST_BODY` tokens ends the list.
        """
        ids: list[int] = []
        weights: list[int] = []
        for passage in neighbours:
            name = [self.markers.file, *self.encode(passage.path + "\n")]
            body = (
                self.encode(passage.text + "\n")[: room - len(ids) - len(name)] if len(ids) + len(name) < room else []
            )
            if len(body) < _LEAST_BODY:
                break
            ids += name + body
            weights += [0] * len(name) + [1] * len(body)
        return ids, weights

    def make_sample(
        self, hole: Hole, room: int, rng: random.Random, neighbours: Sequence[Passage] = ()
    ) -> tuple[list[int], list[int]]:
        """Return the tokens of one training sample, at most `room`, and their loss weights.

        Args:
            hole: the file, split at the cursor.
            room: maximum number of tokens.
            rng: draws the layout and the length of the suffix.
            neighbours: passages of other files to put before the sample.
        """
        mix = self._mix
        hole = extend_to_word_start(hole)
        before, counted_before = self.make_snippets(neighbours, int(room * mix.neighbour_share))
        room -= len(before)
        middle = [*self.encode(hole.middle)[: room // 3], self.markers.end]
        suffix_tokens = 0 if rng.random() < mix.no_suffix else rng.randint(8, max(9, min(mix.suffix_tokens, room // 3)))
        ids, weights = self.make_prompt(
            hole,
            room - len(middle),
            spm=rng.random() < mix.spm,
            named=rng.random() < mix.file_name,
            suffix_tokens=suffix_tokens,
        )
        return before + ids + middle, counted_before + weights + [mix.middle_weight] * len(middle)


def extend_to_word_start(hole: Hole) -> Hole:
    """Return `hole` with its cursor moved back before the word or the spaces that it is in."""
    word = _BEGUN.search(hole.prefix[-_LONGEST_BEGUN:])
    if word is None:
        return hole
    at = len(hole.prefix) - len(word[0])
    return Hole(hole.path, hole.prefix[:at], word[0] + hole.middle, hole.suffix)


def cut_hole(file: SourceFile, rng: random.Random, mix: Mix) -> Hole | None:
    """Return a hole at a random place of `file`, of a kind drawn by the shares of `mix`; None on a too short line."""
    text = file.text
    at = rng.randrange(len(text))
    start = text.rfind("\n", 0, at) + 1
    end = text.find("\n", start)
    end = len(text) if end < 0 else end
    line = text[start:end]
    indent = len(line) - len(line.lstrip())
    if len(line) - indent < 3:
        return None
    draw = rng.random()
    if draw < mix.line_start:
        cursor = start + indent
    elif draw < mix.line_start + mix.trigger:
        places = [start + i + 1 for i in range(indent, len(line) - 2) if line[i] in _AFTER_TRIGGER]
        cursor = rng.choice(places) if places else start + indent
    else:
        cursor = rng.randrange(start + indent, end - 1)
    draw = rng.random()
    if draw >= mix.rest_of_line:
        end = (
            _find_statement_end(text, start, end)
            if draw < mix.rest_of_line + mix.statement
            else _find_block_end(text, start, end)
        )
    return Hole(f"{file.path}", text[:cursor], text[cursor:end], text[end:])


class RowWriter:
    """Writer of parts of the rows. Each part has its own seed, so that parts can be written by several processes.

    Args:
        files: files to cut holes in, drawn in proportion to their lengths.
        tokenizer: a tokenizer with at most 65,536 ids.
        target: path of the rows, without ".tokens.npy".
        plan: number, length and kinds of the rows.
    """

    def __init__(self, files: Sequence[SourceFile], tokenizer: Tokenizer, target: Path, plan: RowPlan) -> None:
        self._files = files
        self._target = target
        self._plan = plan
        self._encoder = Encoder(tokenizer, plan.mix)
        self._around = Neighbourhood(files)
        self._ends = list(accumulate(len(file.text) for file in files))

    def write(self, first: int) -> None:
        """Fill up to `_PART_ROWS` rows of the existing files from row `first` on; equal seeds make equal rows."""
        tokens, weights = open_rows(self._target, mode="r+")
        rng = random.Random(f"{self._plan.seed} {first}")  # noqa: S311 - a reproducible choice, nothing secret
        for row in range(first, min(first + _PART_ROWS, self._plan.rows)):
            self._fill(tokens[row], weights[row], rng)

    def _fill(self, tokens: NDArray[np.uint16], weights: NDArray[np.uint8], rng: random.Random) -> None:
        """Fill one row, in place, with samples, and pad it with end tokens of weight 0."""
        mix = self._plan.mix
        used = 0
        while (room := len(tokens) - used) >= _LEAST_ROOM:
            file = self._files[bisect(self._ends, rng.randrange(self._ends[-1]))]
            hole = cut_hole(file, rng, mix)
            if hole is None:
                continue
            found: list[Passage] = []
            if not used and rng.random() < mix.neighbours:
                found = self._around.find(file.package, file.path, hole.prefix, most=_MOST_NEIGHBOURS)
            ids, counted = self._encoder.make_sample(hole, room, rng, found)
            tokens[used : used + len(ids)] = ids
            weights[used : used + len(ids)] = counted
            used += len(ids)
        tokens[used:] = self._encoder.markers.end
        weights[used:] = 0


def write_rows(
    files: Sequence[SourceFile], tokenizer: Tokenizer, target: Path, plan: RowPlan, *, processes: int = 1
) -> None:
    """Write the rows to `target`.tokens.npy (uint16) and `target`.weights.npy (uint8), both (rows, positions + 1).

    Args:
        files: files to cut holes in, drawn in proportion to their lengths.
        tokenizer: a tokenizer with at most 65,536 ids.
        target: path of the rows, without ".tokens.npy".
        plan: number, length and kinds of the rows.
        processes: number of processes that share the work; does not change the rows.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    for name, dtype in (("tokens", np.uint16), ("weights", np.uint8)):
        shape = (plan.rows, plan.positions + 1)
        np.lib.format.open_memmap(f"{target}.{name}.npy", mode="w+", dtype=dtype, shape=shape)
    parts = range(0, plan.rows, _PART_ROWS)
    if min(processes, len(parts)) <= 1:
        writer = RowWriter(files, tokenizer, target, plan)
        for first in parts:
            writer.write(first)
        return
    begin = (files, tokenizer.to_str(), target, plan)
    with ProcessPoolExecutor(min(processes, len(parts)), initializer=_start_worker, initargs=begin) as pool:
        for _ in pool.map(_write_part, parts):
            pass


def _start_worker(files: Sequence[SourceFile], tokenizer: str, target: Path, plan: RowPlan) -> None:
    """Make the writer of this worker process, for `_write_part`; `tokenizer` is JSON."""
    _writers.append(RowWriter(files, Tokenizer.from_str(tokenizer), target, plan))


def _write_part(first: int) -> None:
    """Write the part that begins with row `first` with the writer of this worker process."""
    _writers[0].write(first)


def open_rows(source: Path, *, mode: Literal["r", "r+"] = "r") -> tuple[NDArray[np.uint16], NDArray[np.uint8]]:
    """Return tokens and loss weights of the rows that `write_rows` wrote to `source`, memory-mapped."""
    return np.load(f"{source}.tokens.npy", mmap_mode=mode), np.load(f"{source}.weights.npy", mmap_mode=mode)


def _find_statement_end(text: str, start: int, end: int) -> int:
    """Return the end of the first line on which all brackets opened since `start` are closed.

    Looks at 600 characters; returns `end`, the end of the line at `start`, if the brackets are not closed there.
    """
    depth = 0
    for place in range(start, min(len(text), start + 600)):
        character = text[place]
        depth += _BRACKETS.get(character, 0)
        if character == "\n" and depth <= 0:
            return place
    return end


def _find_block_end(text: str, start: int, end: int) -> int:
    """Return the end of the block that begins with the line at `start`: up to 10 more lines.

    The block ends before an empty line and before one with less indentation than the first. `start` and
    `end` are the bounds of the first line.
    """
    line = text[start:end]
    indent = len(line) - len(line.lstrip())
    last, place = end, end
    for _ in range(10):
        following = text.find("\n", place + 1)
        following = len(text) if following < 0 else following
        body = text[place + 1 : following]
        if not body.strip() or len(body) - len(body.lstrip()) < indent:
            break
        last = place = following
    return last


def _find_id(tokenizer: Tokenizer, token: str) -> int:
    """Return the id of `token`.

    Raises:
        ValueError: the tokenizer does not have the token.
    """
    number: int | None = tokenizer.token_to_id(token)
    if number is None:
        raise ValueError(f"The tokenizer has no {token} token.")
    return number
