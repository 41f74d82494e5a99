"""The only place for client libraries. A driver implements a stage's Protocol and maps its library's errors once."""
