"""One editor's session: its open documents, and the services that answer its requests."""
