"""Chat models at an address: one module for each dialect, all over `models.remote.endpoint`.

To add a dialect: a module with a `DIALECT`, and its name in `registry.py`. Start at `remote_chat.RemoteChat`.
"""
