"""The chat model's layer: remarks about changed functions, each of which the model has to confirm."""
