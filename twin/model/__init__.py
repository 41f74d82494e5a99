"""dataset -> adapter: supervised fine-tuning and preference optimisation of a base model, by recipe.

The only room for torch, transformers, TRL and PEFT, imported inside functions. It knows folders and numbers; it knows no
setting, no store and no server.
"""
