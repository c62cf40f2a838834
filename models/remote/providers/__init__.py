"""Chat models elsewhere: one module a dialect (`openai`, `anthropic`, `ollama`), all over `models.remote.endpoint`.

To add a dialect: a module that fits `dialect.Dialect`, and a line in `remote_chat.DIALECTS`. Start at
`remote_chat.RemoteChat`.
"""
