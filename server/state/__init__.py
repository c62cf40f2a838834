"""Everything that outlives the process: the state database, its stores, and the paths of Starling's own files."""
