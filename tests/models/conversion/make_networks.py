"""Generator of the small random checkpoints of `networks/`, with the results of transformers for each.

Needs torch and transformers (the `training` extra); the tests do not. Run again only to add a network:
`python tests/models/conversion/make_networks.py`.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from tokenizers import Tokenizer, models

FOLDER = Path(__file__).parent / "networks"
VOCABULARY = 96
LENGTH = 40  # tokens of the text whose logits are compared; longer than the windows below
NEW_TOKENS = 16
SMALL = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 64,
    "initializer_range": 0.3,  # large enough that every part of the network matters
    "bos_token_id": 0,
    "eos_token_id": 0,
}
GROUPED = SMALL | {"num_key_value_heads": 2}
BIG_CODE = {
    "vocab_size": VOCABULARY,
    "n_embd": 32,
    "n_layer": 2,
    "n_head": 4,
    "n_positions": 64,
    "initializer_range": 0.3,
    "activation_function": "gelu_pytorch_tanh",
    "bos_token_id": 0,
    "eos_token_id": 0,
}
NETWORKS: dict[str, tuple[str, dict[str, Any], str]] = {  # name: model, configuration, number type on disk
    "gpt_bigcode": ("GPTBigCode", BIG_CODE, "float32"),
    "starcoder2": ("Starcoder2", GROUPED | {"use_bias": True, "sliding_window": None}, "float32"),
    "starcoder2_window": ("Starcoder2", GROUPED | {"use_bias": True, "sliding_window": 12}, "float32"),
    "starcoder2_bfloat16": ("Starcoder2", GROUPED | {"use_bias": True, "sliding_window": None}, "bfloat16"),
    "llama": ("Llama", SMALL, "float32"),
    "llama_grouped": ("Llama", GROUPED | {"rope_theta": 500.0}, "float32"),
    "mistral": ("Mistral", GROUPED | {"sliding_window": None, "head_dim": 16}, "float32"),
    "mistral_window": ("Mistral", GROUPED | {"sliding_window": 12}, "float32"),
    "qwen2": ("Qwen2", GROUPED | {"tie_word_embeddings": True}, "float16"),
    "qwen3": ("Qwen3", GROUPED | {"head_dim": 16}, "bfloat16"),
}
ENCODERS: dict[str, tuple[str, dict[str, Any]]] = {
    "bert": ("Bert", SMALL | {"pad_token_id": 0}),
    "roberta": ("Roberta", SMALL | {"pad_token_id": 1, "type_vocab_size": 1, "max_position_embeddings": 66}),
}


def main() -> None:
    """Delete `networks/` and write every network again."""
    torch.manual_seed(20260101)
    shutil.rmtree(FOLDER, ignore_errors=True)
    for name, (kind, settings, numbers) in NETWORKS.items():
        config = getattr(transformers, f"{kind}Config")(**settings)
        made = getattr(transformers, f"{kind}ForCausalLM")
        model = made(config)
        randomize(model)
        save(model.to(getattr(torch, numbers)), FOLDER / name)
        model = made.from_pretrained(FOLDER / name, dtype=torch.float32, attn_implementation="eager").eval()
        tokens = torch.randint(1, VOCABULARY, (1, LENGTH))
        with torch.no_grad():
            logits = model(tokens).logits[0].numpy()
            greedy = [int(token) for token in tokens[0]]
            for _ in range(NEW_TOKENS):
                greedy.append(int(model(torch.tensor([greedy])).logits[0, -1].argmax()))
        expected = {"tokens": tokens[0].numpy(), "logits": logits, "greedy": np.array(greedy[LENGTH:])}
        np.savez_compressed(FOLDER / name / "expected.npz", **expected)
    for name, (kind, settings) in ENCODERS.items():
        model = getattr(transformers, f"{kind}Model")(getattr(transformers, f"{kind}Config")(**settings)).eval()
        randomize(model)
        save(model, FOLDER / name)
        tokens = torch.randint(2, VOCABULARY, (1, LENGTH))
        with torch.no_grad():
            state = model(tokens).last_hidden_state[0].numpy()
        np.savez_compressed(FOLDER / name / "expected.npz", tokens=tokens[0].numpy(), state=state)


def randomize(model: torch.nn.Module) -> None:
    """Draw biases and norms at random, in place, so that a bias or a norm in a wrong place shows."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("bias"):
                parameter.normal_(0, 0.3)
            elif parameter.dim() == 1:
                parameter.normal_(1, 0.3)


def save(model: Any, folder: Path) -> None:
    """Write the checkpoint to `folder` as authors do, with a tokenizer that has the token "tN" for each number N."""
    model.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    tokenizer = Tokenizer(models.WordLevel({f"t{number}": number for number in range(VOCABULARY - 6)}, unk_token="t0"))
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    names = {"bos_token": "t0", "eos_token": "t0", "unk_token": "t0"}
    (folder / "special_tokens_map.json").write_text(json.dumps(names) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
