"""A checkpoint as its authors publish it becomes what CTranslate2 runs: straight from safetensors, tensor by tensor.

Needs neither torch nor transformers, and no more memory than one tensor takes. Start at `conversion.convert`;
`architectures.NETWORKS` says which networks there are.
"""
