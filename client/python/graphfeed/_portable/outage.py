"""What failures say about trying again."""

from __future__ import annotations

import math
import random
from typing import Any, Dict, List, Optional, Set

from graphfeed import errors
from graphfeed._portable import details

# A failure may be over soon, here or elsewhere: a dead, drained or full server ...
TRANSIENT = "transient"
# ... or this replica will not do, another may: other content, unreadable data ...
NOT_HERE = "not here"
# ... or no replica will do: the request is wrong.
FINAL = "final"

_TELL_EVERY = 10.0


def text_of(error: errors.Error) -> str:
    return f"{error.code}: {error.message}"


def duration(seconds: float) -> str:
    """"1m30s", "2.5s", "500ms", "inf": as the rest of graphfeed writes it."""
    if math.isinf(seconds):
        return "inf"
    if seconds < 1:
        return f"{seconds * 1000:.6g}ms" if seconds else "0"
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(int(minutes), 60)
    parts = [f"{hours}h" if hours else "", f"{minutes}m" if minutes else ""]
    return "".join(parts) + (f"{rest:.6g}s" if rest else "")


class Backoff:
    """Pauses between attempts: growing, and different in every client, so that the clients of a
    dead server do not come back in step."""

    FIRST, MOST = 0.05, 2.0

    def __init__(self) -> None:
        self._bound = self.FIRST
        self._random = random.Random()  # seeded by the system; decides about no bytes

    def next(self) -> float:
        pause = self._bound * self._random.uniform(0.5, 1.0)
        self._bound = min(2 * self._bound, self.MOST)
        return pause

    def reset(self) -> None:
        self._bound = self.FIRST


class Outage:
    """The time from the first failure of a stream to its next frame: which replicas have been
    tried, and which are out of the question until then. Times are time.monotonic()'s."""

    def __init__(self) -> None:
        self.started: Optional[float] = None
        self._told: Optional[float] = None
        self._first_address = ""
        self._first: Optional[errors.Error] = None  # why it started
        self._said: Dict[str, errors.Error] = {}  # by address what was said last
        self._excluded: Set[str] = set()
        self._tried: Set[str] = set()

    def add(self, replica: Any, error: errors.Error, failure: str, now: float) -> None:
        if self.started is None:
            self.started, self._first, self._first_address = now, error, replica.address
        self._tried.add(replica.address)
        self._said[replica.address] = error
        if failure == TRANSIENT:
            self._excluded.discard(replica.address)
        else:
            self._excluded.add(replica.address)

    def choose(self, replicas: List[Any]) -> Any:
        """One to try now: in their order, neither tried in this round nor out of the question. None
        when there is none."""
        for replica in replicas:
            if replica.address not in self._tried and replica.address not in self._excluded:
                return replica
        return None

    def any_left(self, replicas: List[Any]) -> bool:
        """Whether another round makes sense."""
        return any(replica.address not in self._excluded for replica in replicas)

    def next_round(self) -> None:
        self._tried.clear()

    @property
    def retry_delay(self) -> float:
        """The shortest time after which one of those that are not out of the question wants to be
        asked again; 0 where one of them has not said."""
        delays = [
            details.of(error).retry_delay or 0.0
            for address, error in self._said.items()
            if address not in self._excluded
        ]
        return min(delays, default=0.0)

    def trying_on(self, what: str, now: float, deadline: float) -> str:
        """Before another round: what to tell the user, at once and then every 10 s; "" in between.
        `what` is tried until `deadline`."""
        if self._told is not None and now - self._told < _TELL_EVERY:
            return ""
        self._told = now
        left = duration(deadline if math.isinf(deadline) else math.ceil(deadline - now))
        return (
            f"no server can {what}{self._for(now)}, trying again for up to {left}: "
            f"{self._all_said()}"
        )

    def final(self, what: str, now: float) -> errors.Error:
        """The error to end with: what could not be done, for how long it was tried, and what each
        replica has said last, with the first one's code. What a single replica refuses it says
        itself."""
        if len(self._said) == 1 and self._excluded:
            (only,) = self._said.values()
            return only
        assert self._first is not None
        return errors.from_status(
            self._first.code, f"no server can {what}{self._for(now)}: {self._all_said()}"
        )

    def refusals(self) -> str:
        """"127.0.0.1:2: ...", of those that are out of the question."""
        return "; ".join(
            f"{address}: {error.message}"
            for address, error in self._said.items()
            if address in self._excluded and address != self._first_address
        )

    def _for(self, now: float) -> str:
        tried = int(now - (self.started or now))
        return f" after {duration(tried)}" if tried > 0 else ""

    def _all_said(self) -> str:
        return "; ".join(f"{address}: {text_of(e)}" for address, e in self._said.items())
