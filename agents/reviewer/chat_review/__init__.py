"""The chat model's layer: remarks about functions that changed, each asked about once more."""
