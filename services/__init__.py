"""Long-running services built on the library."""
