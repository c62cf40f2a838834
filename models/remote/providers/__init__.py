"""Chat models elsewhere: one module a dialect (`openai`, `anthropic`, `ollama`), all over `models.remote.endpoint`.

To add a dialect: a module that fits `dialect.Dialect`, and a line in `remote.DIALECTS`. Start at `remote.RemoteChat`.
"""
