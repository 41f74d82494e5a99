"""vLLM: started, asked for tokens and log probabilities, and its adapters exchanged while it runs."""
