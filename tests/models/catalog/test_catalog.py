from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from models.catalog.catalog import BUNDLED, DEFAULT_MODEL, Catalog, PromptShares, read_entry
from models.errors import CatalogError

if TYPE_CHECKING:
    from pathlib import Path

GOOD = """
name = "mine"
architecture = "GPTBigCode"
parameters = 1_000
context_tokens = 2048
quantization = "int8"
licence = "MIT"
source = "made at home"
roles = ["completion"]
[fim]
prefix = "<p>"
suffix = "<s>"
middle = "<m>"
end = "<e>"
layouts = ["psm"]
"""


def write_entry(root: Path, text: str, folder: str = "mine") -> Path:
    """Write the text of a `catalog.toml` to a folder below `root`; return its path."""
    path = root / folder / "catalog.toml"
    path.parent.mkdir(parents=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_the_bundled_model_is_read_without_a_problem() -> None:
    catalog = Catalog.load()
    entry = catalog.get(DEFAULT_MODEL)
    assert catalog.problems == ()
    assert entry is not None
    assert entry.bundled
    assert "completion" in entry.roles
    assert entry.fim.layouts[0] == "spm"


def test_every_bundled_folder_has_a_description_and_a_data_card() -> None:
    for entry in Catalog.load().entries.values():
        names = {path.name for path in entry.folder.iterdir()}
        assert {"catalog.toml", "tokenizer.json", "model.bin", "README.md", "data-card.csv"} <= names
        assert entry.folder.parent == BUNDLED


def test_a_users_folder_adds_a_model(tmp_path: Path) -> None:
    write_entry(tmp_path, GOOD)
    catalog = Catalog.load(tmp_path)
    assert catalog.problems == ()
    entry = catalog.entries["mine"]
    assert not entry.bundled
    assert entry.folder == tmp_path / "mine"
    assert entry.weights == tmp_path / "mine"
    assert entry.shares == PromptShares()
    assert entry.min_log_prob is None
    assert DEFAULT_MODEL in catalog.entries


def test_a_users_entry_replaces_a_bundled_entry_of_the_same_name(tmp_path: Path) -> None:
    write_entry(tmp_path, GOOD.replace("mine", DEFAULT_MODEL))
    assert not Catalog.load(tmp_path).entries[DEFAULT_MODEL].bundled


def test_optional_fields_are_read(tmp_path: Path) -> None:
    text = 'weights = "int8"\n' + GOOD + 'file = "<f>"\npath_place = "prefix"\nhealing = ["words"]\n'
    text += "[completion]\nmin_log_prob = -0.7\n[prompt]\nprefix = 0.5\nsuffix = 0.5\nstable = 0\nvolatile = 0\n"
    entry = read_entry(write_entry(tmp_path, text))
    assert entry.min_log_prob == -0.7
    assert entry.shares == PromptShares(0.5, 0.5, 0.0, 0.0)
    assert entry.weights == tmp_path / "mine" / "int8"
    assert entry.fim.file == "<f>"
    assert entry.fim.path_place == "prefix"
    assert entry.healing == ("words",)


BROKEN = {
    "no name": ('name = "mine"', "", "name is missing; allowed: a text that is not empty"),
    "empty name": ('name = "mine"', 'name = ""', "name is ''; allowed: a text that is not empty"),
    "parameters are text": ("1_000", '"1000"', "parameters is '1000'; allowed: a whole number from 1"),
    "context is a truth": ("2048", "true", "context_tokens is True; allowed: a whole number from 64"),
    "context too small": ("2048", "10", "context_tokens is 10; allowed: a whole number from 64"),
    "unknown role": ('["completion"]', '["poetry"]', "roles is ['poetry']; allowed: a list of one or more of"),
    "unknown layout": ('["psm"]', '["mps"]', "fim.layouts is ['mps']; allowed: a list of one or more of spm, psm, "),
    "no markers": ("[fim]", "[film]", "fim is missing; allowed: a table"),
    "fim is a text": ("[fim]", 'fim = "x"\n[film]', "fim is 'x'; allowed: a table"),
    "unknown healing": ('"<e>"', '"<e>"\nhealing = ["lines"]', "healing is ['lines']; allowed: a list of any of words"),
    "unknown place": ('"<e>"', '"<e>"\npath_place = "last"', "is 'last'; allowed: one of first, prefix, none"),
    "weights elsewhere": ("parameters", 'weights = "../x"\nparameters', "weights is '../x'; allowed: the name"),
    "shares above one": ("[fim]", "[prompt]\nprefix = 0.9\n[fim]", "prompt.prefix is 0.9; allowed: the four shares"),
    "share above one": ("[fim]", "[prompt]\nsuffix = 2\n[fim]", "prompt.suffix is 2; allowed: a number from 0 to 1"),
    "probability above one": ("[fim]", "[completion]\nmin_log_prob = 1\n[fim]", "completion.min_log_prob is 1;"),
    "a number of thousands of digits": ("1_000", "9" * 5000, "is not a TOML file"),
    "brackets without end": ("1_000", "[" * 100_000, "is not a TOML file"),
    "no TOML": ('name = "mine"', "name = ", "is not a TOML file"),
}  # fmt: skip


@pytest.mark.parametrize(("parameters", "field", "led"), [
    ("1_500_000_000", "", True), ("7_600_000_000", "", False),
    ("1_500_000_000", "led = false", False), ("7_600_000_000", "led = true", True),
])  # fmt: skip
def test_a_small_chat_model_is_led_unless_its_entry_says_otherwise(
    parameters: str,
    field: str,
    led: bool,  # noqa: FBT001 (a parameter of the test)
    tmp_path: Path,
) -> None:
    text = GOOD.replace('["completion"]', '["completion", "chat"]').replace("1_000", parameters)
    chat = f'[chat]\nuser = "{{text}}"\nassistant = "{{text}}"\nends = ["<e>"]\n{field}\n'
    entry = read_entry(write_entry(tmp_path, text + chat))
    assert entry.led is led


def test_a_model_that_does_not_chat_is_not_led(tmp_path: Path) -> None:
    assert not read_entry(write_entry(tmp_path, GOOD)).led


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_entry_is_reported_with_file_field_and_allowed_values(name: str, tmp_path: Path) -> None:
    good, bad, said = BROKEN[name]
    path = write_entry(tmp_path, GOOD.replace(good, bad, 1))
    catalog = Catalog.load(tmp_path)
    assert "mine" not in catalog.entries
    assert DEFAULT_MODEL in catalog.entries
    (problem,) = catalog.problems
    assert problem.startswith(str(path))
    assert said in problem
    assert problem.endswith(".")


def test_an_unknown_field_is_reported_and_the_entry_works(tmp_path: Path) -> None:
    write_entry(tmp_path, 'colour = "red"\n' + GOOD + "speed = 1\n")
    catalog = Catalog.load(tmp_path)
    assert "mine" in catalog.entries
    assert [problem.split(": ", 1)[1] for problem in catalog.problems] == [
        "there is no field colour; it is ignored.",
        "there is no field fim.speed; it is ignored.",
    ]


def test_two_folders_with_one_name_are_reported(tmp_path: Path) -> None:
    write_entry(tmp_path, GOOD, "a")
    write_entry(tmp_path, GOOD, "b")
    catalog = Catalog.load(tmp_path)
    assert catalog.entries["mine"].folder == tmp_path / "a"
    assert "give it a name of its own" in catalog.problems[0]


def test_a_file_that_is_not_text_is_reported(tmp_path: Path) -> None:
    write_entry(tmp_path, GOOD).write_bytes(b"\xff\xfe\x00")
    assert "is not a TOML file" in Catalog.load(tmp_path).problems[0]


def test_a_folder_that_does_not_exist_holds_no_models(tmp_path: Path) -> None:
    assert Catalog.load(tmp_path / "none") == Catalog.load()


def test_an_entry_that_is_a_folder_is_reported(tmp_path: Path) -> None:
    (tmp_path / "mine" / "catalog.toml").mkdir(parents=True)
    assert "cannot be read" in Catalog.load(tmp_path).problems[0]


def test_a_missing_entry_is_reported_with_the_needed_file(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match=r"does not exist; a model's folder needs a catalog\.toml"):
        read_entry(tmp_path / "catalog.toml")
