"""Generator of `pickled/`: the roberta checkpoint of `networks/` in both containers of torch.

Needs torch; the tests do not. Run it with an environment that has it, and this repository on PYTHONPATH.
"""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path

import torch

from models.conversion.checkpoint import Checkpoint

HERE = Path(__file__).parent


def main() -> None:
    """Write `zip.bin` and `row.bin`, with one tensor of integers added."""
    checkpoint = Checkpoint.open(HERE / "networks" / "roberta")
    state = OrderedDict((name, torch.from_numpy(tensor.read().copy())) for name, tensor in checkpoint.tensors.items())
    state["embeddings.position_ids"] = torch.arange(66).expand((1, -1))  # whole numbers, as published ones have
    torch.save(state, HERE / "pickled" / "zip.bin")
    torch.save(state, HERE / "pickled" / "row.bin", _use_new_zipfile_serialization=False)


if __name__ == "__main__":
    main()
