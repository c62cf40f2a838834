"""Choice of the state database, and its settings."""
