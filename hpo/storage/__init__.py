"""Trials on disk: SQLite files and PostgreSQL databases, one schema for both.

`connection` opens a database, `schema` and ``migrations`` say what is in it, `rows` turns records
into rows and back, `store` keeps one study, and `owner` tells
whether a process still lives. Nothing is ever unpickled.
"""

from hpo.storage.connection import StorageError
from hpo.storage.store import Store, study_names

__all__ = ["StorageError", "Store", "study_names"]
