"""The team of agents for editors that speak the Agent Client Protocol; the only folder that imports `acp`."""
