"""Models that say what they were told to, for demonstrations and tests."""
