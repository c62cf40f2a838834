"""The likelihood layer: places where the completion model prefers another text."""
