"""Models at an address: the HTTP client and endpoints they share, chat dialects (`providers/`), and `completion/`."""
