"""The gate that every write passes: it validates, asks a person, applies, verifies, records. Start at `gate.Gate`."""
