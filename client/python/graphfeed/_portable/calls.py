"""Calls that are answered once, to servers any of which will do."""

from __future__ import annotations

import logging
import math
import time
from typing import Any, Callable, NamedTuple, Optional

from graphfeed import errors
from graphfeed._portable.descriptors import messages, method
from graphfeed._portable.forks import CallInProgress
from graphfeed._portable.outage import FINAL, NOT_HERE, TRANSIENT, Backoff, Outage, duration
from graphfeed._portable.replicas import Replica, Replicas

_logger = logging.getLogger("graphfeed")

# How long each of several replicas is waited for.
_ANSWER_SECONDS = 5.0

_JUDGED = {
    **dict.fromkeys(("UNAVAILABLE", "ABORTED", "UNKNOWN"), TRANSIENT),
    # A question has no side effects: what one replica refuses, another with other datasets may
    # answer.
    **dict.fromkeys(
        ("NOT_FOUND", "FAILED_PRECONDITION", "DATA_LOSS", "INTERNAL", "RESOURCE_EXHAUSTED"),
        NOT_HERE,
    ),
}


class Settings(NamedTuple):
    """What a client is made with, without its endpoints and connections."""

    max_frame_bytes: int
    timeout: float  # of a call that answers once; inf: none
    retry_timeout: float
    compact: bool
    spread: bool = True

    @property
    def deadline(self) -> Optional[float]:
        """The timeout as gRPC takes it."""
        return None if math.isinf(self.timeout) else self.timeout


def tell(notice: str) -> None:
    """Tells the user what a stream or call has to do to go on; nothing where there is nothing."""
    if notice:
        _logger.warning("%s", notice)


def _judge(error: errors.Error) -> str:
    return _JUDGED.get(error.code, FINAL)


def _named(error: errors.Error, replica: Replica, name: str, timeout: float) -> errors.Error:
    """gRPC says of a deadline that it is exceeded, and no more."""
    if error.code != "DEADLINE_EXCEEDED":
        return error
    return errors.DeadlineExceeded(
        f"{replica.address} has not answered {name} within {duration(timeout)}, the client's "
        f"timeout ({error.message})"
    )


class Calls:
    """Calls by the method's name. A response's class is given; what comes back is read by `read`,
    whose DataLoss counts as the replica's. Thread-safe."""

    def __init__(self, settings: Settings, replicas: Replicas) -> None:
        self._settings = settings
        self._replicas = replicas

    def ask(
        self,
        name: str,
        request: Any,
        response: Any,
        timeout: Optional[float],
        read: Callable[[Any], Any] = lambda answer: answer,
    ) -> Any:
        """A question. A replica that cannot be reached is followed by the next one, and those that
        are left out by another round, until the answer has come, the timeout has passed, or nothing
        has ever answered; one that lacks what is asked for, or cannot read it, by the others of the
        round."""
        with CallInProgress():
            return self._ask(name, request, response, timeout, read)

    def _ask(
        self,
        name: str,
        request: Any,
        response: Any,
        timeout: Optional[float],
        read: Callable[[Any], Any],
    ) -> Any:
        deadline = float("inf") if timeout is None else time.monotonic() + timeout
        backoff, outage = Backoff(), Outage()
        while True:
            replicas = self._replicas.list_for_calls(resolve=outage.started is not None)
            refused = False  # by a replica that was there
            while True:
                replica = outage.choose(replicas)
                if replica is None:
                    break
                left = None if timeout is None else max(deadline - time.monotonic(), 0.001)
                try:
                    answer = replica.channel.call(method(name), request, left, response)
                    self._replicas.answered(replica)
                    return read(answer)
                except errors.Error as error:
                    failure = _judge(error)
                    if failure == FINAL:
                        raise _named(error, replica, name, timeout or 0) from None
                    if failure == TRANSIENT:
                        self._replicas.failed(replica)
                    refused = refused or failure == NOT_HERE
                    outage.add(replica, error, failure, time.monotonic())
            pause, now = backoff.next(), time.monotonic()
            give_up = min(deadline, (outage.started or now) + self._settings.retry_timeout)
            what = f"answer {name}"
            if refused or not self._replicas.any_answered or now + pause > give_up:
                raise outage.final(what, now)
            tell(outage.trying_on(what, now, give_up))
            time.sleep(pause)
            outage.next_round()

    def ask_each(
        self, name: str, request: Any, response: Any, answered: Callable[[Any], bool]
    ) -> bool:
        """A question that every replica is asked that can be reached, but for those that failed
        lately: `answered` is told of each answer. The last replica for which it returns true is
        preferred for what comes next. Whether there was one: `ask` says why not."""
        chosen = None
        with CallInProgress():
            for replica in self._replicas.list_for_calls(resolve=False):
                if replica.failed_lately:
                    continue
                timeout = min(self._settings.timeout, _ANSWER_SECONDS)
                try:
                    answer = replica.channel.call(method(name), request, timeout, response)
                except errors.Error as error:
                    if _judge(error) == TRANSIENT or error.code == "DEADLINE_EXCEEDED":
                        self._replicas.failed(replica)
                    continue
                self._replicas.answered(replica)
                if answered(answer):
                    chosen = replica
        if chosen is not None:
            self._replicas.answered(chosen)
        return chosen is not None

    def several(self) -> bool:
        """Whether there are several replicas."""
        return len(self._replicas.list_for_calls(resolve=False)) > 1

    def tell(self, name: str, request: Any, response: Any, timeout: Optional[float]) -> Any:
        """A request that changes something: sent once, to a replica that answers questions."""
        with CallInProgress():
            replica = self.find_reachable()
            try:
                answer = replica.channel.call(method(name), request, timeout, response)
            except errors.Error as error:
                if error.code == "UNAVAILABLE":
                    self._replicas.failed(replica)
                else:
                    self._replicas.answered(replica)
                raise _named(error, replica, name, timeout or 0) from None
            self._replicas.answered(replica)
            return answer

    def find_reachable(self) -> Replica:
        """A replica that answers, for what cannot be sent twice."""
        replicas = self._replicas.list_for_calls(resolve=False)
        # One alone says itself when it cannot be reached.
        if len(replicas) > 1:
            self.ask(
                "ListDatasets",
                messages.ListDatasetsRequest(),
                messages.ListDatasetsResponse,
                self._settings.deadline,
            )
            replicas = self._replicas.list_for_calls(resolve=False)
        return replicas[0]
