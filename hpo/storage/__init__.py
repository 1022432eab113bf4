"""Trials on disk: SQLite files and PostgreSQL databases, one schema for both.

`connection` opens a database and `database` runs transactions in it; `schema` and ``migrations`` say what
is there, `rows` turns records into rows and back, and `statements` are the SQL. `catalog` has the studies,
`store` the trials of one; `presence` and `owner` tell whether whoever runs a trial still lives. Nothing is
ever unpickled.
"""

from hpo.storage.catalog import study_names
from hpo.storage.errors import StorageError
from hpo.storage.store import Store

__all__ = ["StorageError", "Store", "study_names"]
