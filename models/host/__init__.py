"""The model host: one process per user and machine that holds the weights, for all servers that want them.

To other programs it speaks OpenAI's API; to ours the same with one object more (`forms`). Start at `host_app` for
what it answers, at `process` for how it lives, at `starting` for how a server comes by it.
"""
