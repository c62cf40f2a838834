"""The indexing process, and how child processes are started and bounded."""
