"""The errors of `models/`. Each message is one sentence for a person: what happened, and the next step."""

from __future__ import annotations


class ModelError(Exception):
    """A model cannot be used; the message says which, why, and what to do."""


class CatalogError(ModelError):
    """A catalog entry is missing or malformed; the message names the file and the field."""


class HostError(ModelError):
    """There is no model host that can be asked: none could be started, or what is there is not ours."""


class SilentHostError(HostError):
    """The model host runs and answers nothing: it is still starting, was stopped, or hangs."""
