"""Settings, and what is built from them: the composition root."""
