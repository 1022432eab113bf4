"""Records to rows and back; every row carries a checksum, so that a flipped bit is found."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hpo.space import Space
from hpo.space.serial import JSON_TYPES
from hpo.trial import Params, Trial, TrialState

# Columns of a trial's record, in the order of the checksum.
RECORD = (
    "number", "state", "attempt", "params", "info", "value", "reports", "failure", "reason",
    "started", "finished", "seconds", "search_seconds",
)  # fmt: skip

_ENCODER = json.JSONEncoder(separators=(",", ":"))  # json.dumps makes one a call


class DamagedError(Exception):
    """A row is not what was written."""


def to_row(trial: Trial, space: Space, study: int) -> dict[str, Any]:
    """Row of a trial of the study with this key, with its checksum."""
    row = {
        "number": trial.number,
        "state": str(trial.state),
        "attempt": trial.attempt,
        "params": dumped({n: _stored(space, n, v) for n, v in trial.params.items()}),
        "info": dumped(dict(trial.info)),
        "value": trial.value,
        "reports": dumped({str(step): value for step, value in trial.reports.items()}),
        "failure": trial.failure,
        "reason": None if trial.reason is None else dumped(trial.reason),
        "started": trial.started,
        "finished": trial.finished,
        "seconds": trial.seconds,
        "search_seconds": trial.search_seconds,
    }
    return {**row, "checksum": row_checksum(study, row)}


def reader(space: Space, study: int) -> Callable[[Sequence[Any]], Trial]:
    """Function from a row (the columns of `RECORD`, then the checksum) to its trial.

    Raises
    ------
    DamagedError
        If the row's checksum is not that of its content.
    """
    choices = {n: p.value for n, p in space.parameters.items() if hasattr(p, "choices")}
    states = {str(state): state for state in TrialState}
    decode = json.JSONDecoder().raw_decode  # half the time of json.loads, which first looks for blanks

    def read(row: Sequence[Any]) -> Trial:
        *record, found = row
        if checksum([study, *record]) != found:
            raise DamagedError(f"trial {record[0]}: the row is not what was written")
        (number, state, attempt, params, info, value, reports, failure, reason,
         started, finished, seconds, search_seconds) = record  # fmt: skip
        parsed: Params = decode(params)[0]
        for name in choices:
            if isinstance(parsed.get(name), dict):
                parsed[name] = choices[name](parsed[name]["choice"])
        return Trial(
            number, parsed, states[state], value,
            {} if info == "{}" else decode(info)[0],
            {} if reports == "{}" else {int(step): v for step, v in decode(reports)[0].items()},
            failure, None if reason is None else decode(reason)[0], started, finished, seconds,
            search_seconds, attempt,
        )  # fmt: skip

    return read


def dumped(value: Any) -> str:
    """JSON in ASCII; floats come back bit for bit."""
    return _ENCODER.encode(value)


def row_checksum(study: int, row: Mapping[str, Any]) -> int:
    """Checksum of a row; the study's key is part of it, so that a row cannot stray into another."""
    return checksum([study, *(row[name] for name in RECORD)])


def checksum(values: Sequence[Any]) -> int:
    """CRC-32 of the values' repr, which for a float is exact."""
    return zlib.crc32(repr(values).encode("ascii", "backslashreplace"))


def _stored(space: Space, name: str, value: Any) -> Any:
    """The value, or the number of the choice where JSON has no such value."""
    if type(value) in JSON_TYPES:
        return value
    return {"choice": int(space.parameters[name].number(value))}
