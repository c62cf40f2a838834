"""The metrics of a process, its traces, and the ids in its log, for a person's monitoring."""
