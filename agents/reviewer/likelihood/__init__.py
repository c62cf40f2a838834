"""The likelihood layer: places where the completion model finds an alternative far more likely."""
