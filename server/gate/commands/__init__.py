"""Commands of agents, run within bounds and confined as far as the system can."""
