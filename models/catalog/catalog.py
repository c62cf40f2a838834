"""The catalog: one folder per model, described by its `catalog.toml`.

Reads the built-in entries (`models/catalog/bundled/*/`) and the user's folder. Adding a model adds a folder and no
code. Never loads a model and never fails on a bad entry: problems are sentences in `Catalog.problems`. Start at
`Catalog.load`; `read_entry` defines the format.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from models.catalog.show_filter import FILE, ShowFilter
from models.catalog.toml_tables import Table
from models.errors import CatalogError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

BUNDLED = Path(__file__).parent / "bundled"
ENTRY_FILE = "catalog.toml"
DEFAULT_MODEL = "starling-mini"

LAYOUTS = ("spm", "psm", "suffix_first")
ROLES = ("completion", "chat", "review", "embedding")
POOLINGS = ("mean", "first")
# Token healing: which ends of the prefix are left out of the prompt, so that the answer begins with them.
HEALINGS = ("words", "spaces")
# Models with more parameters are slow enough to need a time budget. By default only partial words are left out of their
# prompts: with spaces left out too, Qwen2.5-Coder 0.5B wrote nothing but spaces. With partial words left out it
# completed 6 of 60 lines in this repository exactly, 5 without.
LARGE_PARAMETERS = 100_000_000
LARGE_HEALINGS = ("words",)
# Chat models with fewer parameters seldom choose the right steps by themselves, and are led by a fixed pipeline.
LED_PARAMETERS = 4_000_000_000
PATH_PLACES = ("first", "prefix", "none")
# Measured qualities of a model (tests/eval): share of lines completed exactly, share of problems solved.
WORTHS = ("lines", "problems")

# Below this there is no room for markers, a line of code and an answer.
MIN_CONTEXT_TOKENS = 64


@dataclass(frozen=True, slots=True)
class FimTokens:
    """A model's fill-in-the-middle format.

    Attributes:
        prefix: marker before the text before the cursor.
        suffix: marker before the text after the cursor.
        middle: marker after which the model writes.
        end: token that ends an answer.
        file: marker before a file's path; "" when the model knows none.
        repository: marker before a repository's name; "" when the model knows none.
        layouts: orders the model was trained on, best first. "psm" is prefix, suffix, middle; "spm" is StarCoder's
            `<prefix><suffix>after<middle>before`, where the answer goes on right behind the text before the cursor;
            "suffix_first" is `<suffix>after<prefix>before<middle>`.
        path_place: position of the current file's marker and path: "first" (before all markers), "prefix" (at the head
            of the prefix) or "none" (nowhere).
        healing: token healing, for partial "words", "spaces" or both; None for the default of the model's size
            (`ModelEntry.healing`).
        begin: token that begins every prompt; "" for none.
    """

    prefix: str
    suffix: str
    middle: str
    end: str
    file: str = ""
    repository: str = ""
    layouts: tuple[str, ...] = ("psm",)
    path_place: str = "first"
    begin: str = ""
    healing: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class PromptShares:
    """Shares of a prompt's tokens, each 0 to 1; the prefix gets what the other parts leave unused.

    Copilot's shares (35, 15, 35 and 15 %) are for prompts several times as long; at 1,024 tokens a model of 0.5 billion
    parameters had 0.35 of 40 lines right with them and 0.40 with these. A model with a small window states its own.
    """

    prefix: float = 0.55
    suffix: float = 0.2
    stable: float = 0.2
    volatile: float = 0.05


@dataclass(frozen=True, slots=True)
class ChatFormat:
    """Turn templates of a chat model; `{text}` in each is the place of the message's text.

    Attributes:
        system: a turn of instructions; "" where there is none, and instructions go before the first user's text.
        user: a person's turn.
        assistant: the model's own earlier turn.
        opening: text behind which the model writes its answer.
        ends: tokens that end an answer.
        begin: token that begins every conversation; "" for none.
        led: whether the model is led through a request by a fixed pipeline, rather than choosing its own steps; None
            for the default of its size (`ModelEntry.led`).
    """

    system: str
    user: str
    assistant: str
    opening: str
    ends: tuple[str, ...]
    begin: str = ""
    led: bool | None = None


@dataclass(frozen=True, slots=True)
class RoleSettings:
    """Settings of a model in one role: temperature (0 is greedy) and maximum number of tokens of an answer."""

    temperature: float = 0.0
    max_tokens: int = 1024


@dataclass(frozen=True, slots=True)
class Measured:
    """A measured share, 0 to 1, and the number of cases."""

    share: float
    n: int


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
        source: origin of the weights, as text.
        roles: tasks it was trained for ("completion", "chat", "review", "embedding").
        fim: fill-in-the-middle format; all empty for a model without the role "completion".
        shares: shares of the parts of its prompt.
        folder: folder of the entry.
        weights: folder of the CTranslate2 files.
        bundled: whether it came with the program.
        min_log_prob: mean log-probability per token below which a suggestion is not shown automatically; None leaves
            the choice to the caller.
        chat: templates of its turns; None for a model that does not chat.
        pooling: reduction of an embedder's token states to one vector: their "mean", or the "first".
        settings: settings of its answers, by role.
        show_filter: filter of its suggestions; None where none was fitted.
        worth: measured qualities, by name (`WORTHS`).
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
    chat: ChatFormat | None = None
    pooling: str = "mean"
    settings: Mapping[str, RoleSettings] = field(default_factory=dict)
    show_filter: ShowFilter | None = None
    worth: Mapping[str, Measured] = field(default_factory=dict)

    @property
    def large(self) -> bool:
        """Whether the model has more than `LARGE_PARAMETERS` parameters, so that reading a prompt takes long."""
        return self.parameters > LARGE_PARAMETERS

    @property
    def has_weights(self) -> bool:
        """Whether its weights are files of this machine; False for a model that only a server knows."""
        return self.weights != Path()

    @property
    def led(self) -> bool:
        """Whether the chat model is led through a request by a fixed pipeline, rather than choosing its own steps."""
        if self.chat is None:
            return False
        return self.parameters < LED_PARAMETERS if self.chat.led is None else self.chat.led

    @property
    def healing(self) -> tuple[str, ...]:
        """Kinds of text to which token healing applies: partial "words", "spaces"."""
        if self.fim.healing is not None:
            return self.fim.healing
        return LARGE_HEALINGS if self.large else HEALINGS

    @property
    def tokenizer(self) -> Path:
        """Path of the tokenizer's file."""
        return self.folder / "tokenizer.json"


@dataclass(frozen=True, slots=True)
class Catalog:
    """All models that a setting can name.

    Attributes:
        entries: by name; a person's own entry replaces a built-in one of the same name.
        problems: one sentence for each entry that could not be used as written.
    """

    entries: Mapping[str, ModelEntry]
    problems: tuple[str, ...] = ()

    @classmethod
    def load(cls, user_dir: Path | None = None, *, bundled_dir: Path = BUNDLED) -> Catalog:
        """Read the entries below `bundled_dir` and `user_dir`; skip each invalid entry, with a problem."""
        entries: dict[str, ModelEntry] = {}
        problems: list[str] = []
        for directory, bundled in ((bundled_dir, True), (user_dir, False)):
            if directory is not None:
                _read_directory(directory, entries, problems, bundled=bundled)
        return cls(entries, tuple(problems))

    def get(self, name: str) -> ModelEntry | None:
        """Return the entry called `name`; None if there is none."""
        return self.entries.get(name)


def read_entry(path: Path, *, bundled: bool = False, on_problem: Callable[[str], None] = lambda _: None) -> ModelEntry:
    """Read the entry in the `catalog.toml` at `path`, and the show filter beside it.

    Args:
        path: the file.
        bundled: whether the entry came with the program.
        on_problem: called with a message for each unknown field outside of `[role.NAME]` and `[worth.NAME]`, and for a
            malformed show filter; all of these are ignored.

    Raises:
        CatalogError: the file is missing or a field is invalid; the message names file, field and allowed values.
    """
    fields = Table.read(path)
    roles = fields.get_texts("roles", ROLES)
    fim = fields.get_table("fim", optional="completion" not in roles)
    chat = fields.get_table("chat", optional="chat" not in roles)
    embedding = fields.get_table("embedding", optional=True)
    settings = fields.get_table("role", optional=True)
    prompt = fields.get_table("prompt", optional=True)
    completion = fields.get_table("completion", optional=True)
    worth = fields.get_table("worth", optional=True)
    entry = ModelEntry(
        name=fields.get_text("name"),
        architecture=fields.get_text("architecture"),
        parameters=fields.get_integer("parameters", least=1),
        context_tokens=fields.get_integer("context_tokens", least=MIN_CONTEXT_TOKENS),
        quantization=fields.get_text("quantization"),
        licence=fields.get_text("licence"),
        source=fields.get_text("source"),
        roles=roles,
        fim=read_fim(fim) if "completion" in roles else FimTokens("", "", "", ""),
        shares=_read_shares(prompt),
        folder=path.parent,
        weights=path.parent / fields.get_folder_name("weights"),
        bundled=bundled,
        min_log_prob=completion.get_optional_number("min_log_prob", -100.0, 0.0),
        chat=read_chat(chat) if "chat" in roles else None,
        pooling=embedding.get_choice("pooling", POOLINGS, default="mean"),
        settings=read_settings(settings, roles),
        show_filter=_read_filter(path.parent / FILE, on_problem) if "completion" in roles else None,
        worth=read_qualities(worth),
    )
    for table in (fields, fim, prompt, completion, chat, embedding, worth):
        for name in table.list_unread():
            on_problem(f"{path}: there is no field {name}; it is ignored.")
    return entry


def _read_filter(path: Path, on_problem: Callable[[str], None]) -> ShowFilter | None:
    """Return the show filter at `path`; None if there is none, or, with a call of `on_problem`, if it is malformed."""
    try:
        return ShowFilter.read(path)
    except CatalogError as error:
        on_problem(str(error))
        return None


def _read_directory(directory: Path, entries: dict[str, ModelEntry], problems: list[str], *, bundled: bool) -> None:
    """Add the entries in the folders of `directory` to `entries`, by name, replacing those of the same name.

    Appends a message to `problems` for each invalid entry, and for each later entry of a name in `directory`; these are
    left out. Appends a message also if `directory` cannot be listed.
    """
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


def read_fim(fim: Table) -> FimTokens:
    """Return the fill-in-the-middle format in the table `[fim]`; raise CatalogError for an invalid field."""
    return FimTokens(
        prefix=fim.get_text("prefix"),
        suffix=fim.get_text("suffix"),
        middle=fim.get_text("middle"),
        end=fim.get_text("end"),
        file=fim.get_text("file", default=""),
        repository=fim.get_text("repository", default=""),
        layouts=fim.get_texts("layouts", LAYOUTS),
        path_place=fim.get_choice("path_place", PATH_PLACES, default="first"),
        begin=fim.get_text("begin", default=""),
        healing=fim.get_optional_texts("healing", HEALINGS),
    )


def read_chat(chat: Table) -> ChatFormat:
    """Return the turn templates in the table `[chat]`; raise CatalogError for an invalid field."""
    turns = {role: chat.get_text(role) for role in ("user", "assistant")} | {
        "system": chat.get_text("system", default="")
    }
    for role, turn in turns.items():
        if turn and "{text}" not in turn:
            chat.refuse(role, "a text with {text} in it")
    return ChatFormat(
        **turns,
        opening=chat.get_text("opening", default=""),
        ends=chat.get_texts("ends"),
        begin=chat.get_text("begin", default=""),
        led=chat.get_optional_bool("led"),
    )


def read_settings(settings: Table, roles: tuple[str, ...]) -> dict[str, RoleSettings]:
    """Return the settings in the tables `[role.NAME]` for each of `roles`; defaults where a table is missing.

    Raises:
        CatalogError: a field is invalid.
    """
    usual = RoleSettings()
    tables = {role: settings.get_table(role, optional=True) for role in roles}
    return {
        role: RoleSettings(
            temperature=table.get_number("temperature", 0.0, 2.0, usual.temperature),
            max_tokens=int(table.get_number("max_tokens", 1, 100_000, usual.max_tokens)),
        )
        for role, table in tables.items()
    }


def read_qualities(worth: Table) -> dict[str, Measured]:
    """Return the measured qualities in the table `[worth]`, by name; those without a share are left out.

    Raises:
        CatalogError: a field is invalid.
    """
    tables = {name: worth.get_table(name, optional=True) for name in WORTHS}
    shares = {name: table.get_optional_number("share", 0.0, 1.0) for name, table in tables.items()}
    return {
        name: Measured(share, tables[name].get_integer("n", least=1))
        for name, share in shares.items()
        if share is not None
    }


def _read_shares(prompt: Table) -> PromptShares:
    """Return the shares in the table `[prompt]`; raise CatalogError if one is invalid or their sum exceeds 1."""
    usual = PromptShares()
    shares = PromptShares(
        prefix=prompt.get_number("prefix", 0.0, 1.0, usual.prefix),
        suffix=prompt.get_number("suffix", 0.0, 1.0, usual.suffix),
        stable=prompt.get_number("stable", 0.0, 1.0, usual.stable),
        volatile=prompt.get_number("volatile", 0.0, 1.0, usual.volatile),
    )
    if shares.prefix + shares.suffix + shares.stable + shares.volatile > 1.001:
        prompt.refuse("prefix", "the four shares together at most 1")
    return shares
