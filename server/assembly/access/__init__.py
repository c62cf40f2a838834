"""Accounts of a server on the network: their settings, and their parts put together."""
