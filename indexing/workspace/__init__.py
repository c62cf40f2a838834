"""Which files there are, which of them may be read, and by whom."""
