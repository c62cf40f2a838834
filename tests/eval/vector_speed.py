"""Measurement of the search in many stored vectors: time, size on the disk, and what quantization costs.

`python -m tests.eval.vector_speed` writes 100,000 random vectors of 384 components around 2,000 centres to a file as
the index has it, and searches for 100 centres: the ten nearest by the file, and by the scalar product of the vectors
before they were quantized.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from indexing.vectors.vector_file import VectorFile
from tests.eval.metrics import SEED, compute_percentile

WIDTH = 384
CENTRES = 2_000
SPREAD = 0.9  # of the vectors around their centres; makes the nearest ones hard to tell apart
SEARCHES = 100
NEAREST = 10
BLOCK = 4_000


def measure(count: int, path: Path) -> dict[str, float]:
    """Return the figures for `count` vectors in a new file at `path`."""
    random = np.random.default_rng(SEED)
    centres = random.normal(size=(CENTRES, WIDTH)).astype(np.float32)
    writer, blocks = VectorFile(path), []
    for start in range(0, count, BLOCK):
        size = min(BLOCK, count - start)
        near = centres[random.integers(0, CENTRES, size)]
        vectors = near + SPREAD * random.normal(size=(size, WIDTH)).astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        blocks.append(vectors.astype(np.float32))
        writer.append([0] * size, list(range(start, start + size)), [0] * size, blocks[-1])
    whole, file = np.concatenate(blocks), VectorFile(path)
    begun = time.perf_counter()
    file.refresh()
    figures = {"vectors": count, "bytes_per_vector": path.stat().st_size / count, "open_s": time.perf_counter() - begun}
    times: list[float] = []
    whole_times: list[float] = []
    common = 0
    for centre in centres[:SEARCHES]:
        query = centre / np.linalg.norm(centre)
        begun = time.perf_counter()
        found = file.find_nearest(query, 6 * NEAREST)  # as many as a search for ten looks up
        times.append(1000 * (time.perf_counter() - begun))
        begun = time.perf_counter()
        exact = np.argpartition(-(whole @ query), NEAREST)[:NEAREST]
        whole_times.append(1000 * (time.perf_counter() - begun))
        common += len({piece for _, _, piece, _ in found[:NEAREST]} & set(exact.tolist()))
    return figures | {
        "search_ms_p50": compute_percentile(times, 50),
        "search_ms_p95": compute_percentile(times, 95),
        "not_quantized_ms_p50": compute_percentile(whole_times, 50),
        "same_of_ten": common / SEARCHES / NEAREST,
    }


def main() -> int:
    """Measure and print the figures; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--vectors", type=int, default=100_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for name, value in measure(options.vectors, Path(folder, "all.vectors")).items():
            print(f"{name}={value:.4g}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
