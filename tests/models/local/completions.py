"""A request to the bundled model, its answers, and the same weights taken for a large model's."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from models.local.calibration import MovingSpeed, Speed
from models.local.loading import load
from tests.models import bundled
from tests.models.bundled import never, to_the_end

if TYPE_CHECKING:
    from models.completion import FillRequest, Generation
    from models.local.ctranslate_completion import CTranslateModel

LONG_S = 60.0
REQUEST = bundled.request(
    """
    #- shapes.py
    import math


    class Circle:
        def __init__(self, radius):
            self.radius = radius
            self.area = math.pi * radius * radius


    class Square:
        def __init__(self, side):
            self.$0


    def main():
        print(Circle(1).area)
    """
)
LONG = replace(REQUEST, prefix="".join(f"    value_{number} = {number}\n" for number in range(90)) + "    value_90 = ")


def complete(model: CTranslateModel, request: FillRequest = REQUEST) -> Generation:
    """Return the only answer of `model`, decoded until it ends itself."""
    (generation,) = model.generate(request, stop=to_the_end, cancelled=never)
    return generation


def load_large(speed: Speed | None = None) -> CTranslateModel:
    """Return the bundled model, taken for a large one of that speed."""
    model = load(replace(bundled.entry(), parameters=500_000_000), device="cpu", threads=1)
    model._prompts.speed = MovingSpeed(speed) if speed is not None else None
    return model
