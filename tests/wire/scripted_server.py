"""The real server over stdio with a scripted model in the place of the weights; for wire tests.

SCRIPT names a JSON file: {"reply": what the model says, "token_s": seconds it takes for each token}. Everything else
(protocol, settings, index and its process, generator) is the program's own.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parents[2]))

from server import core, serve

if TYPE_CHECKING:
    from collections.abc import Sequence


def build(roots: Sequence[Path], options: object, old: core.Core | None) -> core.Core:
    """The program's core, then the scripted model."""
    from models.lazy import LazyModel  # noqa: PLC0415 (as the program: after `initialize`)
    from models.scripted import ENTRY, ScriptedModel  # noqa: PLC0415

    built = core.build(roots, options, old)
    if not built.settings.model.enabled:
        return built
    if old is not None and old.model is not None:
        built.generator.set_model(old.model)
        return replace(built, model=old.model)
    script = json.loads(Path(os.environ["SCRIPT"]).read_text(encoding="utf-8"))
    model = LazyModel(ENTRY, lambda: ScriptedModel({"": script["reply"]}, token_s=script["token_s"]))
    built.generator.set_model(model)
    return replace(built, model=model)


if __name__ == "__main__":
    serve.serve_stdio(build)
