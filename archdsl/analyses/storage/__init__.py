"""Which operators run in place, and which results share the storage of an operand."""

from archdsl.analyses.storage.storage import StorageFacts, is_identity, storage

__all__ = ["StorageFacts", "is_identity", "storage"]
