"""Dask's executor, mended: its futures end, whatever becomes of the client's own."""

from __future__ import annotations

from concurrent.futures import CancelledError, Future, InvalidStateError
from contextlib import suppress
from typing import Any
from weakref import WeakKeyDictionary


class DaskExecutor:
    """The executor of a Dask client, with futures that end even where a result cannot be fetched.

    Such a result was lost with its worker, and what ran it again was lost as well, or the scheduler went
    meanwhile. The future that Dask's own executor returns is then pending for ever.

    Parameters
    ----------
    executor : distributed.cfexecutor.ClientExecutor
    """

    def __init__(self, executor: Any) -> None:
        self._executor = executor
        self._theirs: WeakKeyDictionary[Future[Any], Any] = WeakKeyDictionary()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._executor, name)

    def submit(self, function: Any, *args: Any) -> Future[Any]:
        """Have it called on the cluster, as the executor would; what differs is `_wrap_future`.

        A call that is not said to be impure is taken for the one before with the same arguments: a trial
        that is tried again would fail as it did, without a call.
        """
        future: Future[Any] = type(self._executor).submit(self, function, *args, pure=False)
        return future

    def waiting(self) -> list[Future[Any]]:
        """Futures whose calls the cluster holds without a worker; none where the scheduler cannot say."""
        pending = [(ours, theirs) for ours, theirs in self._theirs.items() if not ours.done()]
        try:
            processing = self._client.processing().values()
            found = self._client.who_has([theirs for _, theirs in pending])  # those that have ended since
        except Exception:  # it is gone, which ends them all
            return []
        begun = {key for keys in processing for key in keys}
        begun |= {key for key, workers in found.items() if workers}
        return [ours for ours, theirs in pending if theirs.key not in begun]

    def _wrap_future(self, theirs: Any) -> Future[Any]:
        client, ours = theirs.client, Future[Any]()
        self._theirs[ours] = theirs

        def withdraw(ours: Future[Any]) -> None:
            if ours.cancelled() and theirs.status != "cancelled":
                theirs.cancel()

        ours.add_done_callback(withdraw)
        client.loop.add_callback(_hand_on, theirs, ours)
        if client.status in ("closing", "closed"):  # it may have cancelled all that it knew before this one
            _end(ours, CancelledError(f"the client is {client.status}"))
        return ours


async def _hand_on(theirs: Any, ours: Future[Any]) -> None:
    """Wait for Dask's future, in the client's own thread, and end ours as it ended."""
    try:
        result = await theirs
    except BaseException as error:  # also the end of the client's loop
        if theirs.status == "error":
            _end(ours, error)
        else:  # the call did not fail, but no one can say what it returned
            given_up = CancelledError()
            given_up.__cause__ = error
            _end(ours, given_up)
    else:
        with suppress(InvalidStateError):  # it was withdrawn
            ours.set_result(result)


def _end(ours: Future[Any], error: BaseException) -> None:
    with suppress(InvalidStateError):
        ours.set_exception(error)
