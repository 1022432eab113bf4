"""Looking at a stored study without taking part in it: nothing is queued again, no code is needed."""

from __future__ import annotations

import os

from hpo.book import Book
from hpo.ledger import Ledger
from hpo.results import Results
from hpo.space.serial import outline
from hpo.storage import Store


class StoredStudy(Results):
    """The trials of a stored study as they stand, for the eye.

    Choices that are not stored are there by their names.

    Parameters
    ----------
    storage : str or path
        As for `Study`.
    name : str, optional
        Needed where the storage holds several studies.

    Attributes
    ----------
    name, direction, searcher : str
        The searcher by the name of its class.
    seed : int

    Raises
    ------
    hpo.storage.StorageError
        If there is no such study, or the storage is damaged, of a newer version, or something else.
    """

    def __init__(self, storage: str | os.PathLike[str], name: str | None = None) -> None:
        store, self.name = Store.load(storage, name)
        try:
            kept = store.definition
            self.direction, self.seed = kept["direction"], kept["seed"]
            self.searcher = kept["searcher"]["kind"]
            store.space = outline(kept["space"])
            self._book = Book(Ledger(store.space, self.direction))
            self._book.ledger.extend(store.read())
        finally:
            store.close()
