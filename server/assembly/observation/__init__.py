"""Settings of observation, and what is read from the parts of a server when its monitoring asks."""
