"""One editor's session: its documents, and the services that answer for it."""
