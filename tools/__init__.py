"""Programs that checks and tests need and that come as Go modules: one folder each, pinned by its go.sum."""
