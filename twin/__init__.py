"""The library of the LLM Twin platform, in the order of the data: documents, index, answer. Importing it does nothing."""
