"""The autopilot: finds work in a workspace and proposes it; starts nothing without a yes or a standing rule."""
