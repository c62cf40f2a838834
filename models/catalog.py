"""Which models there are: one folder a model, described by its `catalog.toml`.

Reads the built-in entries (`models/bundled/*/`) and a person's own folder. Adding a model adds a folder and touches no
code. Never loads a model and never fails on a bad entry: what is wrong is a sentence in `Catalog.problems`. Start at
`Catalog.load`; `read_entry` knows the format.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from models.errors import CatalogError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

BUNDLED = Path(__file__).parent / "bundled"
ENTRY_FILE = "catalog.toml"
DEFAULT_MODEL = "starling-mini"

LAYOUTS = ("spm", "psm")
ROLES = ("completion", "chat", "embedding")
PATH_PLACES = ("first", "prefix")

# Below this there is no room for markers, a line of code and an answer.
MIN_CONTEXT_TOKENS = 64


@dataclass(frozen=True, slots=True)
class FimTokens:
    """A model's fill-in-the-middle format.

    Attributes:
        prefix: marker before the text before the cursor.
        suffix: marker before the text after the cursor.
        middle: marker after which the model writes.
        end: the token that ends an answer.
        file: marker before a file's path; "" when the model knows none.
        repository: marker before a repository's name; "" when the model knows none.
        layouts: orders the model was trained on, best first. "psm" is prefix, suffix, middle; "spm" is StarCoder's
            `<prefix><suffix>after<middle>before`, where the answer goes on right behind the text before the cursor.
        path_place: where the asking file's marker and path stand: "first" (before all markers) or "prefix" (at the
            head of the prefix).
    """

    prefix: str
    suffix: str
    middle: str
    end: str
    file: str = ""
    repository: str = ""
    layouts: tuple[str, ...] = ("psm",)
    path_place: str = "first"


@dataclass(frozen=True, slots=True)
class PromptShares:
    """How a prompt's tokens are divided, each 0 to 1; what a part leaves unused goes to the prefix.

    The defaults are Copilot's (35, 15, 35 and 15 %). A model with a small window states its own.
    """

    prefix: float = 0.35
    suffix: float = 0.15
    stable: float = 0.35
    volatile: float = 0.15


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """One model of the catalog.

    Attributes:
        name: identity, unique in the catalog.
        architecture: of the network, as its authors name it ("GPTBigCode").
        parameters: number of weights.
        context_tokens: prompt and answer together never exceed it.
        quantization: of the weights on disk ("int8", "float16", ...).
        licence: SPDX name.
        source: where the weights come from.
        roles: what it can do ("completion", "chat", "embedding").
        fim: its fill-in-the-middle format.
        shares: how its prompt is divided.
        folder: where its files are.
        weights: folder of the CTranslate2 files.
        bundled: whether it came with the program.
        min_log_prob: mean log-probability per token under which an answer is not worth showing unasked; None leaves
            the choice to the caller.
    """

    name: str
    architecture: str
    parameters: int
    context_tokens: int
    quantization: str
    licence: str
    source: str
    roles: tuple[str, ...]
    fim: FimTokens
    folder: Path
    weights: Path
    shares: PromptShares = field(default_factory=PromptShares)
    bundled: bool = False
    min_log_prob: float | None = None

    @property
    def tokenizer(self) -> Path:
        """The tokenizer's file."""
        return self.folder / "tokenizer.json"


@dataclass(frozen=True, slots=True)
class Catalog:
    """All models that can be named.

    Attributes:
        entries: by name; a person's own entry replaces a built-in one of the same name.
        problems: one sentence for each entry that could not be used as written.
    """

    entries: Mapping[str, ModelEntry]
    problems: tuple[str, ...] = ()

    @classmethod
    def load(cls, user_dir: Path | None = None, *, bundled_dir: Path = BUNDLED) -> Catalog:
        """Read the built-in entries and those in the folders of `user_dir`."""
        entries: dict[str, ModelEntry] = {}
        problems: list[str] = []
        for directory, bundled in ((bundled_dir, True), (user_dir, False)):
            if directory is not None:
                _read_directory(directory, entries, problems, bundled=bundled)
        return cls(entries, tuple(problems))

    def get(self, name: str) -> ModelEntry | None:
        """The entry called `name`, or None."""
        return self.entries.get(name)


def read_entry(path: Path, *, bundled: bool = False, on_problem: Callable[[str], None] = lambda _: None) -> ModelEntry:
    """Read one `catalog.toml`.

    Raises:
        CatalogError: names the file, the field and what is allowed.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CatalogError(f"{path} does not exist; a model's folder needs a {ENTRY_FILE}.") from None
    except OSError as error:
        raise CatalogError(f"{path} cannot be read: {error.strerror}; check its permissions.") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise CatalogError(f"{path} is not a TOML file: {error}; mend it there.") from error
    fields = _Table(path, "", data)
    fim = fields.table("fim")
    prompt = fields.table("prompt", optional=True)
    completion = fields.table("completion", optional=True)
    entry = ModelEntry(
        name=fields.text("name"),
        architecture=fields.text("architecture"),
        parameters=fields.integer("parameters", least=1),
        context_tokens=fields.integer("context_tokens", least=MIN_CONTEXT_TOKENS),
        quantization=fields.text("quantization"),
        licence=fields.text("licence"),
        source=fields.text("source"),
        roles=fields.texts("roles", ROLES),
        fim=FimTokens(
            prefix=fim.text("prefix"),
            suffix=fim.text("suffix"),
            middle=fim.text("middle"),
            end=fim.text("end"),
            file=fim.text("file", default=""),
            repository=fim.text("repository", default=""),
            layouts=fim.texts("layouts", LAYOUTS),
            path_place=fim.choice("path_place", PATH_PLACES, default="first"),
        ),
        shares=_read_shares(prompt),
        folder=path.parent,
        weights=path.parent / fields.folder_name("weights"),
        bundled=bundled,
        min_log_prob=completion.optional_number("min_log_prob", -100.0, 0.0),
    )
    for table in (fields, fim, prompt, completion):
        for name in table.unread():
            on_problem(f"{path}: there is no field {name}; it is ignored.")
    return entry


def _read_directory(directory: Path, entries: dict[str, ModelEntry], problems: list[str], *, bundled: bool) -> None:
    try:
        paths = sorted(directory.glob(f"*/{ENTRY_FILE}"))
    except OSError as error:
        problems.append(f"The models in {directory} cannot be listed: {error.strerror}; check its permissions.")
        return
    own: set[str] = set()
    for path in paths:
        try:
            entry = read_entry(path, bundled=bundled, on_problem=problems.append)
        except CatalogError as error:
            problems.append(str(error))
            continue
        if entry.name in own:
            problems.append(f"{path}: name is {entry.name!r} as in another folder; give it a name of its own.")
            continue
        own.add(entry.name)
        entries[entry.name] = entry


def _read_shares(prompt: _Table) -> PromptShares:
    usual = PromptShares()
    shares = PromptShares(
        prefix=prompt.number("prefix", 0.0, 1.0, usual.prefix),
        suffix=prompt.number("suffix", 0.0, 1.0, usual.suffix),
        stable=prompt.number("stable", 0.0, 1.0, usual.stable),
        volatile=prompt.number("volatile", 0.0, 1.0, usual.volatile),
    )
    if shares.prefix + shares.suffix + shares.stable + shares.volatile > 1.001:
        prompt.refuse("prefix", "the four shares together at most 1")
    return shares


class _Table:
    """One TOML table that knows its place in the file, so that each complaint names it."""

    def __init__(self, path: Path, name: str, data: Mapping[str, object]) -> None:
        self._path = path
        self._name = name
        self._data = data
        self._read: set[str] = set()

    def refuse(self, field_name: str, allowed: str) -> NoReturn:
        where = f"{self._name}.{field_name}" if self._name else field_name
        found = f"is {self._data[field_name]!r}" if field_name in self._data else "is missing"
        raise CatalogError(f"{self._path}: {where} {found}; allowed: {allowed}.")

    def unread(self) -> tuple[str, ...]:
        return tuple(f"{self._name}.{key}" if self._name else key for key in self._data if key not in self._read)

    def _get(self, field_name: str) -> object:
        self._read.add(field_name)
        return self._data.get(field_name)

    def text(self, field_name: str, *, default: str | None = None) -> str:
        value = self._get(field_name)
        if value is None and default is not None:
            return default
        if not isinstance(value, str) or (not value and default is None):
            self.refuse(field_name, "a text that is not empty" if default is None else "a text")
        return value

    def choice(self, field_name: str, allowed: tuple[str, ...], *, default: str) -> str:
        value = self.text(field_name, default=default)
        if value not in allowed:
            self.refuse(field_name, "one of " + ", ".join(allowed))
        return value

    def texts(self, field_name: str, allowed: tuple[str, ...]) -> tuple[str, ...]:
        value = self._get(field_name)
        if not isinstance(value, list) or not value or any(item not in allowed for item in value):
            self.refuse(field_name, "a list of one or more of " + ", ".join(allowed))
        return tuple(str(item) for item in value)

    def integer(self, field_name: str, *, least: int) -> int:
        value = self._get(field_name)
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            self.refuse(field_name, f"a whole number from {least}")
        return value

    def number(self, field_name: str, least: float, most: float, default: float) -> float:
        value = self.optional_number(field_name, least, most)
        return default if value is None else value

    def optional_number(self, field_name: str, least: float, most: float) -> float | None:
        value = self._get(field_name)
        if value is None:
            return None
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not least <= value <= most:
            self.refuse(field_name, f"a number from {least:g} to {most:g}")
        return float(value)

    def folder_name(self, field_name: str) -> str:
        """A plain name of a folder inside the model's own: an entry never reaches outside."""
        value = self.text(field_name, default=".")
        if value != "." and (value == ".." or "/" in value or "\\" in value or ":" in value):
            self.refuse(field_name, "the name of a folder beside the entry")
        return value

    def table(self, field_name: str, *, optional: bool = False) -> _Table:
        value = self._get(field_name)
        if value is None and optional:
            value = {}
        if not isinstance(value, dict):
            self.refuse(field_name, "a table")
        return _Table(self._path, field_name, value)
