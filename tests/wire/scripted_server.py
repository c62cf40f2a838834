"""The real server over stdio with a scripted model in the place of the weights; for wire tests.

SCRIPT names a JSON file: {"reply": what the model says, "token_s": seconds it takes for each token, "load_s": seconds
it takes to load}. One that takes any time to load counts as large: another one says `QUICK` until it is there.
Everything else (protocol, settings, index and its process, generator) is the program's own.
"""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parents[2]))

from server.assembly import core
from server.lsp.serving import stdio

if TYPE_CHECKING:
    from collections.abc import Sequence


QUICK = "quick()"


def build(roots: Sequence[Path], options: object, old: core.Core | None) -> core.Core:
    """Build the program's core, and replace its model by the scripted one unless models are disabled."""
    from models.local.lazy_model import LazyModel  # noqa: PLC0415 (as the program: after `initialize`)
    from models.local.load_times import LoadTime  # noqa: PLC0415
    from models.scripted.scripted_completion import ENTRY, ScriptedModel  # noqa: PLC0415
    from server.state import paths  # noqa: PLC0415

    class Weights(ScriptedModel):
        measuring_s = 0.0  # all of the time was loading

    built = core.build(roots, options, old)
    if not built.settings.model.enabled:
        return built
    if old is not None and old.model is not None:
        built.generator.set_model(old.model, old.quick)
        return replace(built, model=old.model, quick=old.quick)
    script = json.loads(Path(os.environ["SCRIPT"]).read_text(encoding="utf-8"))

    def load() -> ScriptedModel:
        time.sleep(script["load_s"])
        return Weights({"": script["reply"]}, token_s=script["token_s"])

    quick = replace(ENTRY, name="quick")
    model = LazyModel(ENTRY, load, load_time=LoadTime(ENTRY.name, paths.state_dir()) if script["load_s"] else None)
    standing_in = LazyModel(quick, lambda: ScriptedModel({"": QUICK}, entry=quick)) if script["load_s"] else None
    built.generator.set_model(model, standing_in)
    return replace(built, model=model, quick=standing_in)


if __name__ == "__main__":
    stdio.serve_stdio(build)
