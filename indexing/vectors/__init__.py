"""Search by meaning: vectors of pieces of code that an embedding model computes, fused with search by words."""
