"""A person's own MCP servers in the settings, and their check by `starling doctor`."""
