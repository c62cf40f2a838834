"""A person's own MCP servers: started when needed, called within bounds, ended with this process; asks nobody."""
