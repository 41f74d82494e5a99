"""SQLite: documents on one machine, and the connection that other stores on SQLite share."""

from twin.drivers.sqlite.connection import Database
from twin.drivers.sqlite.documents import SqliteDocuments

__all__ = ["Database", "SqliteDocuments"]
