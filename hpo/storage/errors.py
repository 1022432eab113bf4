"""What goes wrong with a storage, in words that help."""

from __future__ import annotations

import os

from sqlalchemy.exc import DBAPIError

ADVICE = {
    "disk is full": "make room",
    "disk I/O error": "make room if a quota or a limit is reached, see to its disk if not,",
    "readonly": "see to its folder and who may write there",
}
QUEUE_SECONDS = 600  # how long to queue for a storage that others write: each may search meanwhile


class StorageError(Exception):
    """A storage cannot be used as asked; the message says what is wrong and what to do."""


def damaged(path: str | os.PathLike[str], what: str) -> StorageError:
    """The error for a damaged file."""
    return StorageError(
        f"storage={str(path)!r}: is damaged ({what}). It is left as it is; "
        f"`hpo storage recover` saves what it still holds into a new file"
    )


def explained(error: DBAPIError, shown: str) -> StorageError:
    """A database's error in words that help."""
    message = first_line(error)
    if "malformed" in message or "not a database" in message:
        return damaged(shown, message)
    for sign, advice in ADVICE.items():
        if sign in message:
            return StorageError(
                f"storage={shown!r}: could not be written ({message}). What was recorded before is safe; "
                f"{advice} and go on with hpo.load_study"
            )
    if "locked" in message:
        return StorageError(f"storage={shown!r}: another process held it for over {QUEUE_SECONDS} s")
    return StorageError(f"storage={shown!r}: {message}")


def first_line(error: DBAPIError) -> str:
    """The first line of what the driver says."""
    return str(error.orig or error).strip().split("\n")[0]
