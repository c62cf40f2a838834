"""Conversion of published checkpoints and GGUF files to CTranslate2 models, tensor by tensor.

Needs neither torch nor transformers, and no more memory than one block of a tensor. Start at `conversion.convert`;
`architectures.NETWORKS` lists the supported networks.
"""
