"""Tokenizers, prompts and facts of GGUF files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tokenizers import Tokenizer as Encoder

from models.catalog.catalog import Catalog
from models.catalog.installation import describe_checkpoint, install
from models.catalog.prompt_formats import match_chat_format
from models.catalog.published_models import load_published_models
from models.conversion.gguf_contents import read_contents
from models.conversion.gguf_description import OriginFacts, find_licence, name_quantization, suggest_name
from models.conversion.gguf_vocabulary import build_vocabulary
from models.conversion.pretokenizers import PRETOKENIZERS
from models.errors import ModelError
from models.tokenizer import Tokenizer
from tests.models import bundled
from tests.models.conversion import ggufs
from tests.models.conversion.parity import NETWORKS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from gguf import GGUFWriter

ROWS = 96  # of the networks' tables; vocabularies here are larger, and only their files are read
CODE = "def total(values):\n    return sum(values)  # 12345 Zeichen, größer\r\n\tx = 'don''t'\n\n\n"


def write_file(path: Path, fill: Callable[[GGUFWriter], object]) -> Path:
    """Write a GGUF file with the content that `fill` adds; return `path`."""
    writer = ggufs.GGUFWriter(path, "qwen2")
    fill(writer)
    ggufs.finish(writer)
    return path


def build_tokenizer(path: Path) -> Tokenizer:
    """Return the tokenizer of a GGUF file."""
    return Tokenizer(Encoder.from_str(build_vocabulary(read_contents(path)).content))


@pytest.mark.parametrize("way", PRETOKENIZERS)
def test_text_survives_encoding_and_decoding_with_every_pretokenizer(way: str, tmp_path: Path) -> None:
    path = write_file(tmp_path / "v.gguf", lambda writer: ggufs.add_tokenizer(writer, pre=way))
    tokenizer = build_tokenizer(path)
    encoded = tokenizer.encode(CODE)
    assert tokenizer.join_bytes(encoded.tokens).decode() == CODE
    assert tokenizer.decode([tokenizer.find_id(token) for token in encoded.tokens]) == CODE
    assert tokenizer.is_byte_level


@pytest.mark.parametrize(
    ("way", "text", "pieces"),
    [
        ("gpt-2", "x = 1234\n\n  y", ["x", " =", " 1234", "\n\n ", " y"]),
        ("starcoder", "x = 1234\n\n  y", ["x", " =", " ", "1", "2", "3", "4", "\n\n ", " y"]),
        ("qwen2", "x = 1234\n\n  y", ["x", " =", " ", "1", "2", "3", "4", "\n\n", " ", " y"]),
        ("llama-bpe", "x = 1234\n\n  y", ["x", " =", " ", "123", "4", "\n\n", " ", " y"]),
        ("qwen2", "f();\n\nIT'S", ["f", "();\n\n", "IT", "'S"]),
        ("seed-coder", "f();\n\nIT'S", ["f", "();", "\n\n", "IT", "'S"]),
        ("gpt-2", "f();\n\nIT'S", ["f", "();", "\n", "\n", "IT", "'", "S"]),
        ("deepseek-coder", "a.b\n1", ["a", ".", "b", "\n", "1"]),
        ("default", "a+12345", ["a", "+", "123", "45"]),
    ],
)
def test_text_is_split_by_the_pretokenizer_of_the_file(way: str, text: str, pieces: list[str], tmp_path: Path) -> None:
    path = write_file(tmp_path / "v.gguf", lambda writer: ggufs.add_tokenizer(writer, pre=way))
    encoder = Encoder.from_str(build_vocabulary(read_contents(path)).content)
    letters = {letter: byte for byte, letter in ggufs.list_byte_letters().items()}
    cut = [piece for piece, _ in encoder.pre_tokenizer.pre_tokenize_str(text)]  # type: ignore[union-attr]
    assert [bytes(letters[letter] for letter in piece).decode() for piece in cut] == pieces


def test_the_bundled_tokenizer_is_rebuilt_from_its_parts(tmp_path: Path) -> None:
    """With StarCoder's pretokenizer, the published `tokenizer.json` and a GGUF file of its parts give equal tokens."""
    import json  # noqa: PLC0415

    published = json.loads(bundled.entry().tokenizer.read_text(encoding="utf-8"))
    numbered = published["model"]["vocab"] | {one["content"]: one["id"] for one in published["added_tokens"]}
    tokens = sorted(numbered, key=lambda token: int(numbered[token]))
    special = {one["content"] for one in published["added_tokens"]}

    def fill(writer: GGUFWriter) -> None:
        writer.add_tokenizer_model("gpt2")
        writer.add_tokenizer_pre("starcoder")
        writer.add_token_list(tokens)
        writer.add_token_types([3 if token in special else 1 for token in tokens])
        merges = published["model"]["merges"]
        writer.add_token_merges([merge if isinstance(merge, str) else " ".join(merge) for merge in merges])

    made, wanted = build_tokenizer(write_file(tmp_path / "v.gguf", fill)), bundled.tokenizer()
    for text in (CODE, (NETWORKS.parent / "make_networks.py").read_text(encoding="utf-8"), "<fim_middle> 日本語 ½"):
        assert made.encode(text) == wanted.encode(text)
    assert made.size == wanted.size


def test_markers_in_a_text_are_encoded_as_text(tmp_path: Path) -> None:
    def fill(writer: GGUFWriter) -> None:
        ggufs.add_tokenizer(writer)
        kinds = writer.kv_data[0]["tokenizer.ggml.token_type"].value
        tokens = writer.kv_data[0]["tokenizer.ggml.tokens"].value
        kinds[tokens.index("<|fim_prefix|>")] = 4  # as some writers have it

    tokenizer = build_tokenizer(write_file(tmp_path / "v.gguf", fill))
    encoded = tokenizer.encode("a<|fim_prefix|><|endoftext|>b")
    assert "<|fim_prefix|>" not in encoded.tokens
    assert "<|endoftext|>" not in encoded.tokens
    assert tokenizer.has_token("<|fim_prefix|>")


PIECES = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
JOINED = {"▁r": -1.0, "et": -2.0, "▁ret": -3.0, "ur": -4.0, "urn": -5.0, "▁return": -6.0, "▁▁": -7.0, "▁▁▁▁": -8.0}
LETTERS = ("▁", *"abcdefghijklmnopqrstuvwxyz()=.:_0123456789")


def add_sentence_piece(writer: GGUFWriter, *, markers: Sequence[str] = (), **named: bool) -> list[str]:
    """Add a SentencePiece tokenizer with `markers` and boolean metadata to a file; return its tokens."""
    tokens = [*PIECES, *LETTERS, *JOINED, *markers]
    scores = [0.0] * len(PIECES) + [-100.0] * len(LETTERS) + list(JOINED.values()) + [0.0] * len(markers)
    kinds = [2, 3, 3] + [6] * 256 + [1] * (len(LETTERS) + len(JOINED)) + [3] * len(markers)
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(tokens)
    writer.add_token_scores(scores)
    writer.add_token_types(kinds)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    for name, value in named.items():
        writer.add_bool(f"tokenizer.ggml.{name}", value)
    return tokens


def test_sentence_piece_merges_by_score_and_falls_back_to_bytes(tmp_path: Path) -> None:
    path = write_file(tmp_path / "v.gguf", lambda writer: add_sentence_piece(writer, add_space_prefix=False))
    tokenizer = build_tokenizer(path)
    assert tokenizer.encode("a return(x)").tokens == ("a", "▁return", "(", "x", ")")
    assert tokenizer.encode("\n    é").tokens == ("<0x0A>", "▁▁▁▁", "<0xC3>", "<0xA9>")
    for text in ("a return(x)\n    é", " return", "x  y"):
        encoded = tokenizer.encode(text)
        assert tokenizer.decode([tokenizer.find_id(token) for token in encoded.tokens]) == text
    assert not tokenizer.is_byte_level


def test_a_space_is_put_before_a_text_unless_the_model_fills_in(tmp_path: Path) -> None:
    chatting = build_tokenizer(write_file(tmp_path / "a.gguf", add_sentence_piece))
    assert chatting.encode("return").tokens == ("▁return",)
    assert chatting.decode([chatting.find_id("▁return"), chatting.find_id("▁ret")]) == "return ret"
    filling = build_tokenizer(
        write_file(
            tmp_path / "b.gguf",
            lambda writer: add_sentence_piece(writer, markers=("▁<PRE>", "▁<SUF>", "▁<MID>", "▁<EOT>")),
        )
    )
    assert filling.encode("return").tokens[0] == "r"
    assert filling.encode("<PRE>").tokens[0] != "▁<PRE>"


@pytest.mark.parametrize(
    ("fill", "sentence"),
    [
        (lambda _: None, "holds no tokenizer; give the model's own tokenizer.json with --tokenizer FILE"),
        (lambda writer: writer.add_tokenizer_model("rwkv"), "holds no tokenizer"),
        (lambda writer: ggufs.add_tokenizer(writer, pre="poro-chat"), "tokenizer.ggml.pre = 'poro-chat'"),
        (
            lambda writer: (ggufs.add_tokenizer(writer), writer.kv_data[0].pop("tokenizer.ggml.merges")),
            "has no merges",
        ),
        (
            lambda writer: (ggufs.add_tokenizer(writer), writer.add_string("tokenizer.ggml.model", "t5")),
            "a tokenizer of the kind 't5', which Starling does not support",
        ),
        (
            lambda writer: (add_sentence_piece(writer), writer.kv_data[0].pop("tokenizer.ggml.scores")),
            "has no score for each token",
        ),
    ],
)
def test_a_tokenizer_that_cannot_be_used_is_reported_with_a_fix(
    fill: Callable[[GGUFWriter], object], sentence: str, tmp_path: Path
) -> None:
    import contextlib  # noqa: PLC0415

    def fill_once(writer: GGUFWriter) -> None:
        with contextlib.suppress(ValueError):  # a key that is there is not written twice
            fill(writer)
        if "t5" in sentence:
            writer.kv_data[0]["tokenizer.ggml.model"].value = "t5"

    with pytest.raises(ModelError, match=sentence):
        build_vocabulary(read_contents(write_file(tmp_path / "v.gguf", fill_once)))


def write_model(path: Path, change: Callable[[GGUFWriter], object] = lambda _writer: None, **named: str) -> Path:
    """Write the qwen2 network with Qwen's markers as a GGUF file; return `path`.

    Args:
        path: the file.
        change: called with the writer before the file is written.
        named: pretokenizer ("pre"), end token ("eos") and chat template ("template").
    """

    def tokenizer(writer: GGUFWriter, rows: int) -> None:
        tokens = ["a", "b", "ab", *(f"t{number}" for number in range(3, rows - 9)), *ggufs.QWEN_MARKERS]
        writer.add_tokenizer_model("gpt2")
        writer.add_tokenizer_pre(named.get("pre", "qwen2"))
        writer.add_token_list(tokens)
        writer.add_token_types([3 if token in ggufs.QWEN_MARKERS else 1 for token in tokens])
        writer.add_token_merges(["a b"])
        writer.add_eos_token_id(tokens.index(named.get("eos", "<|im_end|>")))
        if named.get("template"):
            writer.add_chat_template(named["template"])

    ggufs.write_network(path, NETWORKS / "qwen2", tokenizer=tokenizer, change=change)
    return path


def test_markers_turns_licence_and_source_come_from_the_file(tmp_path: Path) -> None:
    def add_facts(writer: GGUFWriter) -> None:
        writer.add_license("apache-2.0")
        writer.add_source_url("https://huggingface.co/Some/Model")
        writer.add_file_type(15)

    path = write_model(tmp_path / "some-1.5b.Q4_K_M.gguf", add_facts, template=ggufs.CHATML)
    known = describe_checkpoint(path, "some")
    entry = install(known, path, tmp_path / "models")
    assert Catalog.load(tmp_path / "models").problems == ()
    assert (entry.licence, entry.source) == ("Apache-2.0", "https://huggingface.co/Some/Model (Q4_K_M)")
    assert entry.roles == ("completion", "chat", "review")
    assert (entry.fim.prefix, entry.fim.file, entry.fim.layouts) == ("<|fim_prefix|>", "<|file_sep|>", ("psm",))
    assert entry.chat is not None
    assert entry.chat.ends == ("<|im_end|>", "<|endoftext|>")
    assert entry.settings["chat"].temperature == 0.2
    assert known.note == ""


def test_a_file_gets_the_format_of_the_published_model_of_its_family(tmp_path: Path) -> None:
    assert (
        describe_checkpoint(write_model(tmp_path / "m.gguf"), "m").fim
        == load_published_models()["qwen2.5-coder-1.5b"].fim
    )


def test_mellums_markers_are_starcoders_in_another_order(tmp_path: Path) -> None:
    def rename(writer: GGUFWriter) -> None:
        tokens = writer.kv_data[0]["tokenizer.ggml.tokens"].value
        for place, token in enumerate(tokens):
            tokens[place] = token.replace("<|fim_", "<fim_").replace("fix|>", "fix>").replace("middle|>", "middle>")

    for way, layout in (("mellum", "suffix_first"), ("starcoder", "psm")):
        path = write_model(tmp_path / f"{way}.gguf", rename, pre=way)
        fim = describe_checkpoint(path, way).fim
        assert fim is not None
        assert (fim.prefix, fim.layouts[0]) == ("<fim_prefix>", layout)


def test_a_base_model_with_its_familys_template_only_completes(tmp_path: Path) -> None:
    path = write_model(tmp_path / "base.gguf", template=ggufs.CHATML, eos="<|endoftext|>")
    known = describe_checkpoint(path, "base")
    assert known.roles == ("completion",)
    assert "was not trained to end its turns with it" in known.note


def test_an_unknown_chat_template_is_reported(tmp_path: Path) -> None:
    known = describe_checkpoint(write_model(tmp_path / "m.gguf", template="{{ '### User: ' }}"), "m")
    assert known.roles == ("completion",)
    assert (
        known.note == "m.gguf has a chat template that Starling does not support, so that it is not offered for chat."
    )


def test_facts_from_the_program_fill_the_gaps(tmp_path: Path) -> None:
    origin = OriginFacts("{{ .Prompt }}<|im_start|>x<|im_end|>", "MIT", "ollama:m:1b")
    known = describe_checkpoint(write_model(tmp_path / "m.gguf"), "m", origin=origin)
    assert (known.licence, known.repository) == ("MIT", "ollama:m:1b (F32)")
    assert "chat" in known.roles


def test_markers_with_unknown_names_are_found_by_their_numbers(tmp_path: Path) -> None:
    def name(writer: GGUFWriter) -> None:
        tokens = writer.kv_data[0]["tokenizer.ggml.tokens"].value
        renamed = {"<|fim_prefix|>": "<before>", "<|fim_suffix|>": "<after>", "<|fim_middle|>": "<between>"}
        for place, token in enumerate(tokens):
            tokens[place] = renamed.get(token, token)
        for part, token in (("pre", "<before>"), ("suf", "<after>"), ("mid", "<between>"), ("sep", "<|file_sep|>")):
            writer.add_uint32(f"tokenizer.ggml.fim_{part}_token_id", tokens.index(token))

    known = describe_checkpoint(write_model(tmp_path / "m.gguf", name), "m")
    assert known.fim is not None
    assert (known.fim.prefix, known.fim.suffix, known.fim.middle) == ("<before>", "<after>", "<between>")
    assert (known.fim.end, known.fim.file) == ("<|im_end|>", "<|file_sep|>")


def test_a_model_for_no_known_task_is_reported(tmp_path: Path) -> None:
    ggufs.write_network(tmp_path / "m.gguf", NETWORKS / "qwen2", tokenizer=add_plain_tokens)
    with pytest.raises(ModelError, match="has no known fill-in-the-middle markers and has no chat template"):
        describe_checkpoint(tmp_path / "m.gguf", "m")


def add_plain_tokens(writer: GGUFWriter, rows: int) -> None:
    """Add a tokenizer of `rows` tokens without markers."""
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(["a", "b", "ab", *(f"t{number}" for number in range(3, rows))])
    writer.add_token_merges(["a b"])


def test_the_file_names_the_token_that_begins_a_prompt(tmp_path: Path) -> None:
    def begin(writer: GGUFWriter) -> None:
        writer.add_bos_token_id(5)
        writer.add_add_bos_token(True)

    known = describe_checkpoint(write_model(tmp_path / "m.gguf", begin, template=ggufs.CHATML), "m")
    assert known.fim is not None
    assert known.chat is not None
    assert (known.fim.begin, known.chat.begin) == ("t5", "t5")


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("qwen2.5-coder-1.5b-instruct.Q4_K_M.gguf", "qwen2.5-coder-1.5b-instruct"),
        ("Qwen2.5-Coder-7B-Instruct-Q4_K_M-00001-of-00002.gguf", "Qwen2.5-Coder-7B-Instruct"),
        ("starcoder2-3b-IQ4_XS.gguf", "starcoder2-3b"),
        ("model-f16.gguf", "model"),
        ("x y;rm.gguf", "x-y-rm"),
        ("...gguf", "model"),
    ],
)
def test_a_model_is_named_after_its_file(name: str, wanted: str, tmp_path: Path) -> None:
    assert suggest_name(tmp_path / name) == wanted


def test_the_quantization_is_that_of_most_bytes_if_the_file_states_none(tmp_path: Path) -> None:
    ggufs.write_network(tmp_path / "m.gguf", NETWORKS / "qwen2", "Q8_0")
    assert name_quantization(read_contents(tmp_path / "m.gguf")) == "Q8_0"


def test_a_licence_of_many_lines_becomes_one_short_one(tmp_path: Path) -> None:
    path = write_file(tmp_path / "m.gguf", lambda writer: writer.add_license("a\x1b[2J\n" * 500))
    licence = find_licence(read_contents(path))
    assert len(licence) <= 200
    assert "\n" not in licence


@pytest.mark.parametrize(
    ("template", "tokens", "opening"),
    [
        ("<|start_header_id|>x<|eot_id|>", {"<|eot_id|>"}, "<|start_header_id|>assistant<|end_header_id|>\n\n"),
        ("[INST] {{ .Prompt }} [/INST]", {"</s>"}, ""),
        ("<|user|>\n<|assistant|>", {"</s>"}, "<|assistant|>\n"),
    ],
)
def test_turns_are_recognized_by_the_markers_of_a_template(template: str, tokens: set[str], opening: str) -> None:
    chat = match_chat_format(template, tokens)
    assert chat is not None
    assert chat.opening == opening
    assert match_chat_format(template, set()) is None
