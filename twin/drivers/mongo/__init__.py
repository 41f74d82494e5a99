"""MongoDB: documents shared by several machines."""

from twin.drivers.mongo.documents import MongoDocuments

__all__ = ["MongoDocuments"]
