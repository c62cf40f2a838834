"""`starling models`: installing a model that completes, and the errors on the way."""

from __future__ import annotations

import json
import shutil
from functools import partial
from pathlib import Path

import pytest

from models.catalog import pulling
from models.catalog.catalog import BUNDLED, Catalog
from models.catalog.show_filter import FILE, FORMAT, KINDS
from server.assembly import chats
from server.assembly.settings import resolve
from server.cli import run
from server.state import paths
from tests.models.catalog.discovery.test_search import add_file, make_repository
from tests.models.conversion.ggufs import CHATML
from tests.models.conversion.parity import NETWORKS
from tests.models.conversion.test_gguf_vocabulary import write_model
from tests.models.hub import Hub, serve_hub

CHECKPOINT = Path(__file__).parents[3] / "models" / "training" / "checkpoint"  # the bundled model's, to train on


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Set Starling's home and the hub's to new folders; return the first."""
    monkeypatch.setenv("STARLING_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub-home"))
    return tmp_path / "home"


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """Return a folder with a small checkpoint and its tokenizer."""
    folder = Path(shutil.copytree(CHECKPOINT, tmp_path / "checkpoint"))
    shutil.copy(BUNDLED / "starling-mini" / "tokenizer.json", folder)
    return folder


@pytest.mark.parametrize("parameters", ["6375168", "500_000_000"])
def test_a_local_checkpoint_is_converted_used_and_completes(
    checkpoint: Path, home: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], parameters: str
) -> None:
    assert run(["models", "convert", str(checkpoint), "--name", "own"]) == 0
    entry = home / "config" / "models" / "own" / "catalog.toml"  # one taken for large is loaded before it is asked
    entry.write_text(entry.read_text().replace("parameters = 6375168", f"parameters = {parameters}"))
    sure = json.dumps({"format": FORMAT, "kinds": {kind: {"weights": {"one": 3.0}} for kind in KINDS}})
    (entry.parent / FILE).write_text(sure, encoding="utf-8")  # else all that so small a model says is taken for noise
    assert run(["models", "use", "completion", "own"]) == 0
    assert run(["models", "verify", "own"]) == 0
    source = tmp_path / "work" / "shapes.py"
    source.parent.mkdir()
    source.write_text("class Shape:\n    def __init__(self, name):\n        self.name = \n", encoding="utf-8")
    capfd.readouterr()
    assert run(["complete", f"{source}:3:21", "--json"]) == 0
    answer = json.loads(capfd.readouterr().out)
    assert answer["suggestions"][0]["model"] == "own"


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write a model of LM Studio and a checkpoint in the hub's cache to a new home; return the file of the first."""
    for name in ("OLLAMA_MODELS", "LLAMA_CACHE", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    folder = tmp_path / "me" / ".lmstudio" / "models" / "some" / "coder"
    folder.mkdir(parents=True)
    write_model(folder / "coder-Q4_K_M.gguf", template=CHATML)
    published = make_repository(tmp_path / "hub-home" / "hub", "bigcode/starcoder2-3b")
    for file in (NETWORKS / "starcoder2").iterdir():
        add_file(published, file.name, file.read_bytes())
    return folder / "coder-Q4_K_M.gguf"


def test_models_of_other_programs_are_listed_and_converted_by_name(
    elsewhere: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(["models", "find", "--json"]) == 0
    models = {model["name"]: model for model in json.loads(capfd.readouterr().out)["models"]}
    assert list(models) == ["lmstudio:some/coder/coder-Q4_K_M", "hf:bigcode/starcoder2-3b"]
    assert all(model["runs"] for model in models.values())
    before = elsewhere.read_bytes()
    for name in models:
        assert run(models[name]["command"].split()[1:]) == 0
    assert elsewhere.read_bytes() == before
    written = capfd.readouterr().err
    assert "coder is in " in written
    catalog = Catalog.load(paths.models_dir())
    assert catalog.problems == ()
    assert catalog.entries["coder"].roles == ("completion", "chat", "review")
    assert catalog.entries["starcoder2-3b"].licence == "bigcode-openrail-m"  # as the published model is known


def test_the_list_names_what_to_type_on_a_narrow_terminal(elsewhere: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["models", "find"]) == 0
    shown = capfd.readouterr().out
    assert "lmstudio:some/coder/coder-Q4_K_M" in shown
    assert "Convert one with: starling models convert NAME" in shown


def test_the_list_names_the_missing_extra_for_converting(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(["models", "find"]) == 0
    assert "uv tool install" not in capfd.readouterr().err
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    assert run(["models", "find"]) == 0
    assert "uv tool install '.[convert]'" in capfd.readouterr().err


def test_a_search_without_models_names_the_searched_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "nobody"))
    monkeypatch.setenv("OLLAMA_MODELS", str(tmp_path / "nowhere"))
    assert run(["models", "find"]) == 0
    assert f"No other program keeps a model in {tmp_path / 'nowhere'}" in capfd.readouterr().err


def test_a_gguf_file_becomes_a_model_that_loads(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = write_model(tmp_path / "tiny-coder.Q8_0.gguf", eos="<|endoftext|>", template=CHATML)
    assert run(["models", "convert", str(path), "--json"]) == 0
    written = capfd.readouterr()
    assert json.loads(written.out)["name"] == "tiny-coder"
    assert "not offered for chat" in written.err
    assert run(["models", "verify", "tiny-coder"]) == 0
    assert run(["models", "use", "completion", "tiny-coder"]) == 0
    assert run(["models", "convert", str(path), "--name", "again", "-q", "float32"]) == 0


def test_an_unknown_name_is_answered_with_the_nearest_ones(elsewhere: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["models", "convert", "lmstudio:some/coder/coder-Q4_K_S"]) == 1
    assert "Did you mean lmstudio:some/coder/coder-Q4_K_M?" in capfd.readouterr().err
    elsewhere.write_bytes(b"GGUF")
    assert run(["models", "convert", "lmstudio:some/coder/coder-Q4_K_M"]) == 1
    assert "cannot be run here" in capfd.readouterr().err


def test_removing_a_model_that_is_used_says_so(checkpoint: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for name in ("first", "second"):
        assert run(["models", "convert", str(checkpoint), "--name", name]) == 0
    assert run(["models", "use", "completion", "second"]) == 0
    capfd.readouterr()
    assert run(["models", "remove", "first"]) == 0
    assert capfd.readouterr().err == "starling: first is removed.\n"
    assert run(["models", "remove", "second"]) == 0
    assert "Your settings still name it for completion" in capfd.readouterr().err


def test_using_a_model_keeps_everything_else_in_the_settings(checkpoint: Path) -> None:
    path = paths.settings_file()
    path.parent.mkdir(parents=True)
    path.write_text('# mine\n[completion]\nmax_tokens = 32 # short\n[model]\nname = "other"\ndevice = "cpu"\n', "utf-8")
    assert run(["models", "use", "completion", "starling-mini"]) == 0
    assert path.read_text("utf-8") == (
        '# mine\n[completion]\nmax_tokens = 32 # short\n[model]\nname = "starling-mini"\ndevice = "cpu"\n'
    )


def test_damaged_settings_are_left_as_they_are(capfd: pytest.CaptureFixture[str]) -> None:
    path = paths.settings_file()
    path.parent.mkdir(parents=True)
    path.write_text("[model\n", "utf-8")
    assert run(["models", "use", "completion", "starling-mini"]) == 1
    assert "correct the file" in capfd.readouterr().err
    assert path.read_text("utf-8") == "[model\n"


def test_a_model_is_pulled_by_name_and_the_download_is_deleted(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with serve_hub(Hub(NETWORKS / "starcoder2")) as hub:
        monkeypatch.setattr(pulling, "pull", partial(pulling.pull, endpoint=hub.url))
        token = tmp_path / "token"
        token.write_text("hf_of_mine\n", "utf-8")
        assert run(["models", "pull", "starcoder2-3b", "--token-file", str(token), "--json"]) == 0
    written = capfd.readouterr()
    assert json.loads(written.out)["name"] == "starcoder2-3b"
    assert "licence bigcode-openrail-m" in written.err
    assert hub.seen_tokens == {"Bearer hf_of_mine"}
    assert list((home / "cache" / "downloads").iterdir()) == []
    assert not any("hf_of_mine" in file.read_text("utf-8", "replace") for file in home.rglob("*") if file.is_file())


@pytest.mark.parametrize(
    ("command", "status", "sentence"),
    [
        ("pull nosuch", 1, "There is no published model 'nosuch'. `starling models list"),
        ("pull qwen-coder-1.5b", 1, "published model 'qwen-coder-1.5b'. Did you mean qwen2.5-coder-1.5b or "),
        ("pull starcoder2-3b -q int3", 2, "There is no quantization 'int3'"),
        ("pull starcoder2-3b --token-file nosuch", 1, "The token in nosuch cannot be read"),
        (
            "convert nosuch",
            1,
            "There is no file or folder nosuch; give a GGUF file, the folder of",
        ),
        ("use cooking starling-mini", 2, "There is no role 'cooking'"),
        ("use chat starling-mini", 1, "is for completion, not for chat"),
        ("use embedding starling-mini", 1, "The model starling-mini is for completion, not for embedding."),
        ("use completion nosuch", 1, "There is no model 'nosuch' here; there are starling-mini"),
        ("remove starling-mini", 1, "is part of Starling"),
        ("remove ../../x", 1, "There is no model '../../x' here"),
        ("verify nosuch", 1, "There is no model 'nosuch' here"),
        ("show nosuch", 1, "There is no model 'nosuch'"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    command: str, status: int, sentence: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(["models", *command.split()]) == status
    written = capfd.readouterr()
    assert sentence in written.err
    assert written.out == ""


def test_a_script_that_is_too_large_is_refused_by_its_bytes(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "script.txt").write_text("é" * 2_500_000, encoding="utf-8")
    assert run(["models", "script", str(tmp_path / "script.txt")]) == 1
    assert "is larger than 4,000,000 bytes" in capfd.readouterr().err


def test_bench_measures_the_bundled_model(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["models", "bench", "starling-mini", "--prompt", "40", "--new", "4", "--json"]) == 0
    figures = json.loads(capfd.readouterr().out)
    assert figures["name"] == "starling-mini"
    assert all(figures[name] > 0 for name in ("load_s", "prompt_tokens", "prefill_ms", "tokens_per_s"))


def test_available_models_are_listed_and_shown(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["models", "list", "--available", "--json"]) == 0
    names = [model["name"] for model in json.loads(capfd.readouterr().out)["models"]]
    assert {"tiny_starcoder_py", "starcoder2-3b", "qwen2.5-coder-0.5b", "all-minilm-l6-v2"} <= set(names)
    assert run(["models", "show", "starcoder2-3b", "--json"]) == 0
    assert json.loads(capfd.readouterr().out)["installed"] is False
    assert run(["models", "show", "starling-mini"]) == 0
    shown = capfd.readouterr().out
    assert "roles: completion\n" in shown
    assert "bundled: yes\n" in shown
    assert "parameters: 6,375,168\n" in shown
    assert "problem" not in shown


def test_an_own_chat_model_is_used_by_its_name(capfd: pytest.CaptureFixture[str]) -> None:
    folder = Path(shutil.copytree(BUNDLED / "starling-mini", paths.models_dir() / "talker"))
    written = (folder / "catalog.toml").read_text(encoding="utf-8")
    written = written.replace('"starling-mini"', '"talker"').replace('["completion"]', '["chat", "review"]')
    turns = '[chat]\nuser = "User: {text}"\nassistant = "Bot: {text}"\nopening = "Bot:"\nends = ["<|endoftext|>"]\n'
    (folder / "catalog.toml").chmod(0o644)
    (folder / "catalog.toml").write_text(written + turns, encoding="utf-8")
    paths.settings_file().parent.mkdir(parents=True, exist_ok=True)
    paths.settings_file().write_text('[chat]\nurl = "http://localhost:9/v1"\nmodel = "elsewhere"\n', "utf-8")
    assert run(["models", "use", "chat", "talker"]) == 0
    settings, problems = resolve()
    assert (settings.chat.url, settings.chat.model, problems) == ("", "talker", ())
    made = chats.build_chats(settings.chat, None)
    assert made.chat is not None
    assert (made.chat.name, made.problems) == ("talker", ())
    assert made.review is made.chat
    assert made.led == {"chat", "review"}
    made.close()
    assert run(["models", "use", "review", "talker"]) == 0
    settings, problems = resolve()
    assert [one.model for one in settings.chat.review] == ["talker"]
    assert not problems
    assert "chat uses talker from now on" in capfd.readouterr().err
