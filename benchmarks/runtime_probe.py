"""Program that measures one runtime: reads a job as JSON from its command line and writes figures as JSON.

`runtimes.py` starts it with another Python, so it imports nothing of the project. Decodes given token ids greedily with
one thread. Start at `main`.
"""

from __future__ import annotations

import json
import statistics
import struct
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

RUNS = 5


def main() -> None:
    """Measure the runtime that the job names and print the figures."""
    job = json.loads(sys.argv[1])
    begun = read_resident_mb()
    version, generate, again = RUNTIMES[job["runtime"]](job)
    loaded = read_resident_mb() - begun
    prompt, new = job["prompt"], job["new_tokens"]
    generate([*prompt[:8]], 2)  # warms up
    firsts, totals, reuses, written = [], [], [], []
    for run in range(RUNS):
        fresh = [prompt[run], *prompt[1:]]  # another first token, so that no runtime can reuse the previous prompt
        firsts.append(time_call(lambda fresh=fresh: generate(fresh, 1))[0])
        other = [prompt[run + RUNS], *prompt[1:]]
        seconds, written = time_call(lambda other=other: generate(other, new))
        totals.append(seconds)
        if again is not None:
            again(other)
            reuses.append(time_call(lambda other=other: again(other))[0])
    prefill, total = statistics.median(firsts), statistics.median(totals)
    figures = {
        "version": version,
        "prefill_ms": prefill * 1000,
        "decode_tokens_per_s": (new - 1) / (total - prefill),
        "memory_mb": loaded,
        "peak_mb": read_resident_mb() - begun,
        "kept_prefill_ms": statistics.median(reuses) * 1000 if reuses else None,
        "tokens": [int(token) for token in written],
    }
    sys.stdout.write(json.dumps(figures))
    sys.stdout.flush()


def time_call(work: Callable[[], Any]) -> tuple[float, Any]:
    """Call `work`; return its seconds and its result."""
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def read_resident_mb() -> float:
    """Return the resident memory of this process in MB; 0 if the system does not state it."""
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1000
    return 0.0


Runtime = tuple[str, Any, Any]  # version, generate(prompt, new) -> ids, and generate(prompt) with a cached prompt


def load_ctranslate2(job: dict[str, Any]) -> Runtime:
    """Load the converted model of the job into CTranslate2; return its version and functions."""
    import ctranslate2  # noqa: PLC0415 (each Python has one of these)

    names = json.loads((Path(job["model"]) / "vocabulary.json").read_text(encoding="utf-8"))
    model = ctranslate2.Generator(job["model"], device="cpu", compute_type=job["numbers"], intra_threads=1)

    def generate(prompt: list[int], new: int, *, kept: bool = False) -> list[int]:
        """Return `new` tokens after `prompt`; with `kept`, the prompt but its last token is cached."""
        tokens = [names[number] for number in prompt]
        head = {"static_prompt": tokens[:-1]} if kept else {}
        (result,) = model.generate_batch(
            [tokens[-1:] if kept else tokens],
            max_length=new,
            min_length=new,
            include_prompt_in_result=False,
            **head,
        )
        return list(result.sequences_ids[0])

    return ctranslate2.__version__, generate, lambda prompt: generate(prompt, 1, kept=True)


def load_transformers(job: dict[str, Any]) -> Runtime:
    """Load the checkpoint of the job into transformers; return its version and functions."""
    import torch  # noqa: PLC0415
    import transformers  # noqa: PLC0415

    torch.set_num_threads(1)
    model = transformers.AutoModelForCausalLM.from_pretrained(job["model"], dtype=torch.float32).eval()

    def generate(prompt: list[int], new: int) -> list[int]:
        """Return `new` tokens after `prompt`."""
        ids = torch.tensor([prompt])
        with torch.inference_mode():
            mask = torch.ones_like(ids)
            out = model.generate(ids, attention_mask=mask, max_new_tokens=new, min_new_tokens=new, do_sample=False)
        return out[0, len(prompt) :].tolist()

    return f"{transformers.__version__}, torch {torch.__version__}", generate, None


def load_llama_cpp(job: dict[str, Any]) -> Runtime:
    """Write the checkpoint of the job as a GGUF file, load it into llama.cpp; return its version and functions."""
    import llama_cpp  # noqa: PLC0415

    path = Path(job["model"]) / f"{job['numbers']}.gguf"
    write_gguf(Path(job["checkpoint"]), path, job["numbers"])
    model = llama_cpp.Llama(str(path), n_ctx=job["context"], n_threads=1, n_threads_batch=1, verbose=False)
    end = model.token_eos()

    def forbid_end(_: object, scores: NDArray[np.float32]) -> NDArray[np.float32]:
        """Give the end token a score that keeps it from being chosen."""
        scores[end] = -float("inf")
        return scores

    def generate(prompt: list[int], new: int, *, keep: bool = False) -> list[int]:
        """Return `new` tokens after `prompt`; with `keep`, use the state of the previous call again."""
        if not keep:
            model.reset()
        tokens: list[int] = []
        processors = llama_cpp.LogitsProcessorList([forbid_end])
        for token in model.generate(prompt, temp=0.0, reset=keep, logits_processor=processors):
            tokens.append(int(token))
            if len(tokens) >= new:
                break
        return tokens

    return llama_cpp.__version__, generate, lambda prompt: generate(prompt, 1, keep=True)


def write_gguf(checkpoint: Path, path: Path, numbers: str) -> None:
    """Write the checkpoint as a GGUF file for llama.cpp; https://github.com/ggml-org/ggml/blob/master/docs/gguf.md."""
    import gguf  # noqa: PLC0415

    config = json.loads((checkpoint / "config.json").read_text(encoding="utf-8"))
    tensors = read_checkpoint(checkpoint / "model.safetensors")
    writer = gguf.GGUFWriter(str(path), "starcoder")
    writer.add_context_length(config["n_positions"])
    writer.add_embedding_length(config["n_embd"])
    writer.add_feed_forward_length(config["n_inner"])
    writer.add_block_count(config["n_layer"])
    writer.add_head_count(config["n_head"])
    writer.add_head_count_kv(1)
    writer.add_layer_norm_eps(config["layer_norm_epsilon"])
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("starcoder")
    tokenizer = json.loads((checkpoint / "tokenizer.json").read_text(encoding="utf-8"))
    markers = {token["id"]: token["content"] for token in tokenizer["added_tokens"]}
    known = {number: token for token, number in tokenizer["model"]["vocab"].items()} | markers
    writer.add_token_list([known[number] for number in range(config["vocab_size"])])
    kinds = (gguf.TokenType.NORMAL, gguf.TokenType.CONTROL)
    writer.add_token_types([kinds[number in markers] for number in range(config["vocab_size"])])
    merges = tokenizer["model"]["merges"]
    writer.add_token_merges([one if isinstance(one, str) else " ".join(one) for one in merges])
    writer.add_eos_token_id(0)
    names = {"wte.weight": "token_embd.weight", "wpe.weight": "position_embd.weight"}
    names |= {f"ln_f.{part}": f"output_norm.{part}" for part in ("weight", "bias")}
    inner = {"ln_1": "attn_norm", "ln_2": "ffn_norm", "attn.c_attn": "attn_qkv", "attn.c_proj": "attn_output"}
    inner |= {"mlp.c_fc": "ffn_up", "mlp.c_proj": "ffn_down"}
    for layer in range(config["n_layer"]):
        for theirs, ours in inner.items():
            names |= {f"h.{layer}.{theirs}.{part}": f"blk.{layer}.{ours}.{part}" for part in ("weight", "bias")}
    written = [(ours, tensors[f"transformer.{theirs}"]) for theirs, ours in names.items()]
    written.append(("output.weight", tensors["transformer.wte.weight"]))
    quantized = gguf.GGMLQuantizationType.Q8_0
    for name, tensor in written:
        if numbers == "int8" and tensor.ndim == 2 and name != "position_embd.weight":
            writer.add_tensor(name, gguf.quants.quantize(tensor, quantized), raw_dtype=quantized)
        else:
            writer.add_tensor(name, tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Return all tensors of a bfloat16 safetensors file as float32 arrays, by name."""
    import numpy as np  # noqa: PLC0415

    raw = path.read_bytes()
    (length,) = struct.unpack("<Q", raw[:8])
    table = json.loads(raw[8 : 8 + length])
    found = {}
    for name, entry in table.items():
        if name != "__metadata__":
            start, end = (8 + length + offset for offset in entry["data_offsets"])
            numbers = np.frombuffer(raw[start:end], "<u2")
            found[name] = (numbers.astype("<u4") << 16).view("<f4").reshape(entry["shape"])
    return found


RUNTIMES = {
    "ctranslate2": load_ctranslate2,
    "transformers": load_transformers,
    "llama.cpp": load_llama_cpp,
}

if __name__ == "__main__":
    main()
