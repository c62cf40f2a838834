"""Messages on their way: frames, streams, JSON to types, and the guard round dispatch."""
