"""The model host: one process per user and machine that holds the weights for all servers.

It speaks OpenAI's API to other programs, and the same with an extension (`protocol`) to Starling's servers. Start at
`host_app` for its routes, at `daemon` for its life, at `launcher` for how a server starts and finds it.
"""
