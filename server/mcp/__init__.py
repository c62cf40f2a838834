"""Reading tools for programs that speak the Model Context Protocol; the only folder that imports `mcp`."""
