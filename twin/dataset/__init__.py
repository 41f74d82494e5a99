"""Documents (and feedback) -> dataset: generate, filter, split. Knows no file format and no model server."""
