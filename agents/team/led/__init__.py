"""A fixed pipeline for small models, which seldom choose the right steps by themselves."""
