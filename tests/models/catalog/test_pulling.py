"""Downloads of models by name, over real HTTP, from a hub with faults."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from models.catalog import pulling
from models.catalog.catalog import FimTokens
from models.catalog.installation import install
from models.catalog.published_models import PublishedModel, load_published_models
from models.catalog.pulling import pull
from models.errors import ModelError
from tests.models.conversion.parity import NETWORKS
from tests.models.hub import Hub, serve_hub

if TYPE_CHECKING:
    from collections.abc import Iterator

MODEL = PublishedModel(
    name="small",
    repository="someone/model",
    network="starcoder2",
    parameters=17_000,
    context_tokens=4096,
    licence="Apache-2.0",
    gated=False,
    roles=("completion",),
    fim=FimTokens("t1", "t2", "t3", "t0"),
)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub-home"))
    folder = Path(shutil.copytree(NETWORKS / "starcoder2", tmp_path / "published"))
    (folder / "README.md").write_text("not wanted", encoding="utf-8")
    with serve_hub(Hub(folder)) as hub:
        yield hub


def test_files_for_a_conversion_are_downloaded_and_become_a_model(hub: Hub, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    folder = pull(MODEL, tmp_path / "downloads", endpoint=hub.url, on_progress=lambda *both: seen.append(both))
    names = {path.name for path in folder.iterdir() if path.is_file()}
    assert names == {"config.json", "tokenizer.json", "special_tokens_map.json", "model.safetensors"}
    assert seen[-1][0] == seen[-1][1] == sum((folder / name).stat().st_size for name in names)
    entry = install(MODEL, folder, tmp_path / "models")
    assert (entry.name, entry.architecture, entry.context_tokens) == ("small", "Starcoder2", 64)


def test_an_interrupted_download_resumes_where_it_stopped(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 10_000)  # what is kept of a broken download
    hub.cut_after = 35_000
    pull(MODEL, tmp_path / "downloads", endpoint=hub.url)
    assert hub.ranges == [0, 30_000]
    fetched = tmp_path / "downloads" / "small" / "model.safetensors"
    assert fetched.read_bytes() == (hub.folder / "model.safetensors").read_bytes()


def test_a_damaged_download_is_deleted(hub: Hub, tmp_path: Path) -> None:
    hub.damaged = True
    with pytest.raises(ModelError, match="arrived damaged; pull the model again"):
        pull(MODEL, tmp_path / "downloads", endpoint=hub.url)
    hub.damaged = False
    assert (pull(MODEL, tmp_path / "downloads", endpoint=hub.url) / "model.safetensors").exists()


def test_a_gated_model_is_unlocked_by_a_token_and_the_message_says_so(hub: Hub, tmp_path: Path) -> None:
    hub.token = "secret-token-of-mine"
    with pytest.raises(ModelError, match=r"accept its licence at https://.*--token-file") as caught:
        pull(MODEL, tmp_path / "downloads", endpoint=hub.url, token="wrong-token-of-mine")
    assert "token-of-mine" not in str(caught.value)
    assert pull(MODEL, tmp_path / "downloads", endpoint=hub.url, token="secret-token-of-mine").is_dir()


def test_no_token_is_sent_if_none_is_given(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "of-the-surroundings")
    pull(MODEL, tmp_path / "downloads", endpoint=hub.url)
    assert hub.seen_tokens == {""}


@pytest.mark.parametrize(("status", "sentence"), [(404, "The hub has no someone/model"), (503, "status 503")])
def test_a_refusal_of_the_hub_is_reported_in_one_line(
    status: int, sentence: str, hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.status = status
    with pytest.raises(ModelError, match=sentence):
        pull(MODEL, tmp_path / "downloads", endpoint=hub.url)


def test_without_a_network_the_message_names_a_way_without_one(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"The hub cannot be reached.*starling models convert"):
        pull(MODEL, tmp_path / "downloads", endpoint="http://127.0.0.1:9")


def test_a_full_disk_is_reported_before_the_download(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulling, "SPARE_BYTES", 10**18)
    with pytest.raises(ModelError, match="free some space, then pull again"):
        pull(MODEL, tmp_path / "downloads", endpoint=hub.url)
    assert hub.ranges == []


def test_the_description_of_every_published_model_is_complete() -> None:
    models = load_published_models()
    assert len(models) > 20
    for model in models.values():
        assert ("completion" in model.roles) == (model.fim is not None)
        assert ("chat" in model.roles) == (model.chat is not None)
        assert (
            model.estimate_size_bytes("int8")
            < model.estimate_size_bytes("float16")
            < model.estimate_size_bytes("float32")
        )


def test_counting_bytes_starts_no_process() -> None:
    code = (
        "import multiprocessing, psutil; multiprocessing.set_start_method('spawn')\n"  # as newer Pythons begin with
        "from models.catalog.pulling import _make_counter; _make_counter(print)(total=3)\n"
        "print(len(psutil.Process().children()))"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=Path(__file__).parents[3], capture_output=True, text=True, check=True)
    assert done.stdout == "0\n"
