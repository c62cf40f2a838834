"""All scenes, in the order in which they are told."""

from __future__ import annotations

from tests.scenes.design import DESIGN
from tests.scenes.endpoint import ENDPOINT
from tests.scenes.key_error import KEY_ERROR
from tests.scenes.logging_everywhere import LOGGING_EVERYWHERE

SCENES = (ENDPOINT, KEY_ERROR, DESIGN, LOGGING_EVERYWHERE)
