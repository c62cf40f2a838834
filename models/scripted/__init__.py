"""Models whose answers are scripted, for demonstrations and tests."""
