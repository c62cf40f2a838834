"""The log of actions: who wants to have an action of the team logged, logs to this logger of the standard library.

Fields are figures, ids and names. A text of a person, a model or a tool is a field whose name ends in `_text`, which is
left out unless the person's settings say otherwise.
"""

from __future__ import annotations

import logging

actions = logging.getLogger("starling.actions")
