"""Tables of what was done: workflows and deployments that have ended."""
