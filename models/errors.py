"""Errors of `models/`. Each message is one sentence for a person: what happened, and the next step."""

from __future__ import annotations


class ModelError(Exception):
    """A model cannot be used; the message says which model, why, and what to do."""


class CatalogError(ModelError):
    """A catalog entry is missing or malformed; the message names the file and the field."""


class HostError(ModelError):
    """No model host can be used: it could not be started, or another user's process is in its place."""


class SilentHostError(HostError):
    """The model host runs but does not answer: it is still starting, was stopped, or hangs."""
