"""What outlives the process: the state database and what it records, and where Starling keeps its files."""
