"""Tool calls of a model on CTranslate2: their written form, how the model is led to one, and the check of one."""
