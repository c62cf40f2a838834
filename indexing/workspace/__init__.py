"""The files of a workspace: which exist, which may be read, and which may be shown to a model."""
