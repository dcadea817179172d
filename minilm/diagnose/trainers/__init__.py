"""The diagnosis of real trainers of torch: what they hand to `pipeline`. Torch is imported only when called.

loop      torch_step: a model and a collator, as a plain loop uses them
whole     trainer: a transformers or TRL trainer with its own rows, collator and loss
examples  which examples stand in a trainer's rows, and what is meant of them
rows      prepared rows, packed or not, as documents
"""
