"""Speed and memory of the same StarCoder weights in CTranslate2, transformers and llama.cpp.

    python -m benchmarks.runtimes --transformers PYTHON --llama-cpp PYTHON

Each PYTHON is the interpreter of an environment with `torch` and `transformers`, or with `llama-cpp-python` and `gguf`;
the bundled model's checkpoint is in this repository. Writes `benchmarks/runtimes.json`. If a runtime cannot be
measured, prints what it needs and exits with status 1. Start at `main`.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[0:0] = [str(ROOT)] if str(ROOT) not in sys.path else []  # so that it runs as a script too

from benchmarks import machine  # noqa: E402 - needs the line above
from models.catalog.catalog import BUNDLED  # noqa: E402
from models.conversion.conversion import convert  # noqa: E402
from models.tokenizer import Tokenizer  # noqa: E402

RESULTS = Path(__file__).with_name("runtimes.json")
CHECKPOINT = ROOT / "models" / "training" / "checkpoint"
PROMPT_TOKENS, NEW_TOKENS, CONTEXT = 384, 64, 512
JOBS = (
    ("ctranslate2", "float32"),
    ("transformers", "float32"),
    ("llama.cpp", "float32"),
    ("ctranslate2", "int8"),
    ("llama.cpp", "int8"),
)
NEEDS = {
    "transformers": "--transformers PYTHON, of an environment with torch and transformers",
    "llama.cpp": "--llama-cpp PYTHON, of an environment with llama-cpp-python and gguf",
}


def main() -> int:
    """Measure each runtime that has a Python, and write `runtimes.json` if all have one.

    Return the exit status, 1 if one was missing.
    """
    parser = argparse.ArgumentParser(description="The same weights in three runtimes.")
    parser.add_argument("--transformers", metavar="PYTHON", help="has torch and transformers")
    parser.add_argument("--llama-cpp", metavar="PYTHON", help="has llama-cpp-python and gguf")
    chosen = parser.parse_args()
    pythons = {"ctranslate2": sys.executable, "transformers": chosen.transformers, "llama.cpp": chosen.llama_cpp}
    results: dict[str, Any] = {}
    missing: list[str] = []
    with tempfile.TemporaryDirectory(prefix="runtimes-") as scratch:
        folder = Path(shutil.copytree(CHECKPOINT, Path(scratch, "checkpoint")))
        shutil.copy(BUNDLED / "starling-mini" / "tokenizer.json", folder)
        prompt = _read_prompt(folder)
        for runtime, numbers in JOBS:
            python = pythons[runtime]
            if python is None:
                missing.append(f"{runtime} {numbers}: not measured; it needs {NEEDS[runtime]}")
                continue
            job = _make_job(runtime, numbers, folder, Path(scratch)) | {"prompt": prompt}
            results[f"{runtime} {numbers}"] = measured = _run_probe(python, job)
            print(_format_line(f"{runtime} {numbers}", measured), flush=True)
    print("\n".join([*missing, *_compare_tokens(results)]))
    for figures in results.values():
        del figures["tokens"]
    if not missing:
        about = {"prompt_tokens": PROMPT_TOKENS, "new_tokens": NEW_TOKENS, "threads": 1, "weights": "starling-mini"}
        written = {"machine": machine.describe(), "job": about, "results": results}
        RESULTS.write_text(json.dumps(written, indent=2) + "\n", encoding="utf-8")
    return 1 if missing else 0


def _read_prompt(folder: Path) -> list[int]:
    """Return the first `PROMPT_TOKENS` token ids of this module's source, by the tokenizer in `folder`."""
    tokenizer = Tokenizer.read(folder / "tokenizer.json")
    tokens = tokenizer.encode(Path(__file__).read_text(encoding="utf-8")).tokens[:PROMPT_TOKENS]
    return [tokenizer.find_id(token) for token in tokens]


def _make_job(runtime: str, numbers: str, checkpoint: Path, scratch: Path) -> dict[str, Any]:
    """Return the job of the probe for a runtime and a number type; converts the checkpoint for CTranslate2."""
    model = {"transformers": checkpoint, "llama.cpp": scratch}.get(runtime)
    if model is None:
        model = scratch / f"ctranslate2-{numbers}"
        convert(checkpoint, model, quantization=numbers)  # type: ignore[arg-type]
    job = {"runtime": runtime, "numbers": numbers, "model": str(model), "checkpoint": str(checkpoint)}
    return job | {"new_tokens": NEW_TOKENS, "context": CONTEXT}


def _run_probe(python: str, job: dict[str, Any]) -> dict[str, Any]:
    """Run the probe with the interpreter `python`; return its figures, or exit with its error output."""
    probe = Path(__file__).with_name("runtime_probe.py")
    done = subprocess.run([python, str(probe), json.dumps(job)], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{job['runtime']} {job['numbers']} failed:\n{done.stderr[-2000:]}")
    figures: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return {name: round(value, 1) if isinstance(value, float) else value for name, value in figures.items()}


def _format_line(name: str, figures: dict[str, Any]) -> str:
    """Return the figures of a runtime as one line for a person."""
    kept = figures["kept_prefill_ms"]
    return (
        f"{name:20} reads {PROMPT_TOKENS} tokens in {figures['prefill_ms']:7.1f} ms"
        + (f" (kept: {kept:.1f})" if kept is not None else " (kept: no)")
        + f", writes {figures['decode_tokens_per_s']:6.1f} tokens/s, takes {figures['memory_mb']:6.1f} MB "
        f"({figures['version']})"
    )


def _compare_tokens(results: dict[str, Any]) -> list[str]:
    """Return a line for each float32 run with the number of its tokens that equal those of the first run."""
    exact = {name: figures["tokens"] for name, figures in results.items() if name.endswith("float32")}
    first = next(iter(exact.values()), [])
    same = {name: sum(map(int.__eq__, tokens, first)) for name, tokens in exact.items()}
    return [f"{name}: {number} of {NEW_TOKENS} tokens are those of the first" for name, number in same.items()]


if __name__ == "__main__":
    sys.exit(main())
