"""Records straight from the pages of an SQLite file, whatever state its trees are in.

Follows "Database File Format" (sqlite.org/fileformat2.html), sections 1.6 (b-tree pages) and 2.1
(records). Only leaf pages of tables are read, so that a damaged header, root or index hides nothing.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

LEAF = 0x0D  # type of a leaf page of a table
WIDTHS = (0, 1, 2, 3, 4, 6, 8)  # bytes of an integer by its serial type
DEFAULT_PAGE = 4096


class _BadCellError(ValueError):
    """A cell is not what it should be."""


def records(data: bytes) -> Iterator[list[Any]]:
    """Every record of every table that can be read, with its row's number as the first value.

    But those of the schema, which begins on the first page, behind the file's header.

    A freed page may still hold rows as they once were; who reads them has to tell which is the latest.

    Parameters
    ----------
    data : bytes
        A whole database file.
    """
    size = _page_size(data)
    pages = [data[i : i + size] for i in range(0, len(data), size)]
    for page in pages:
        if len(page) < 8 or page[0] != LEAF:
            continue
        (n_cells,) = struct.unpack_from(">H", page, 3)
        for k in range(n_cells):
            try:
                (offset,) = struct.unpack_from(">H", page, 8 + 2 * k)
                yield _record(pages, page, offset, size)
            except (struct.error, IndexError, UnicodeDecodeError, _BadCellError):
                continue


def _page_size(data: bytes) -> int:
    size = int.from_bytes(data[16:18], "big")
    size = 65536 if size == 1 else size
    return size if size >= 512 and size & (size - 1) == 0 else DEFAULT_PAGE


def _record(pages: list[bytes], page: bytes, offset: int, size: int) -> list[Any]:
    length, offset = _varint(page, offset)
    row, offset = _varint(page, offset)
    payload = _payload(pages, page, offset, length, size)
    header_end, position = _varint(payload, 0)
    types = []
    while position < header_end:
        kind, position = _varint(payload, position)
        types.append(kind)
    values: list[Any] = []
    for kind in types:
        value, position = _value(payload, position, kind)
        values.append(value)
    if not values or position != len(payload):
        raise _BadCellError
    values[0] = row  # the integer primary key is kept as the row's number, and NULL in the record
    return values


def _payload(pages: list[bytes], page: bytes, offset: int, length: int, size: int) -> bytes:
    """The record's bytes, collected from its chain of overflow pages where it has one."""
    if length > len(pages) * size:
        raise _BadCellError
    most = size - 35
    local = length
    if length > most:
        least = (size - 12) * 32 // 255 - 23
        local = least + (length - least) % (size - 4)
        local = local if local <= most else least
    payload = page[offset : offset + local]
    (following,) = struct.unpack_from(">I", page, offset + local) if local < length else (0,)
    while len(payload) < length:
        if not 0 < following <= len(pages):
            raise _BadCellError
        overflow = pages[following - 1]
        payload += overflow[4 : 4 + min(size - 4, length - len(payload))]
        (following,) = struct.unpack_from(">I", overflow, 0)
        if len(overflow) < size:
            break
    if len(payload) != length:
        raise _BadCellError
    return payload


def _varint(data: bytes, offset: int) -> tuple[int, int]:
    """A variable-length integer (section 1.6), and where it ends."""
    value = 0
    for i in range(8):
        byte = data[offset + i]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, offset + i + 1
    return value << 8 | data[offset + 8], offset + 9


def _value(payload: bytes, position: int, kind: int) -> tuple[Any, int]:
    """A value by its serial type (section 2.1), and where it ends."""
    if kind <= 6:
        end = position + WIDTHS[kind]
        return None if kind == 0 else int.from_bytes(payload[position:end], "big", signed=True), end
    if kind == 7:
        return struct.unpack_from(">d", payload, position)[0], position + 8
    if kind in (8, 9):
        return kind - 8, position
    if kind < 12:
        raise _BadCellError
    end = position + (kind - 12) // 2
    raw = payload[position:end]
    if end > len(payload):
        raise _BadCellError
    return (raw.decode() if kind % 2 else raw), end
