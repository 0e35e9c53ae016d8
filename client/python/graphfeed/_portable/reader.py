"""A stream read to its end over as many calls as it takes."""

from __future__ import annotations

import copy
import threading
import time
from typing import Any, Optional

from graphfeed import errors
from graphfeed._portable import details
from graphfeed._portable.answers import EpochInfo, StreamInfo
from graphfeed._portable.calls import Settings, tell
from graphfeed._portable.channels import DownStream
from graphfeed._portable.cursor import StreamCursor
from graphfeed._portable.decoder import Event, StreamDecoder
from graphfeed._portable.descriptors import messages, method
from graphfeed._portable.outage import FINAL, NOT_HERE, TRANSIENT, Backoff, Outage, text_of
from graphfeed._portable.placement import StreamPlacement
from graphfeed._portable.replicas import Replica, Replicas
from graphfeed._portable.requests import stream_request
from graphfeed._portable.specs import StreamOptions


class _Call:
    """A call and who answers it."""

    def __init__(self, replica: Replica, down: DownStream, decoder: StreamDecoder) -> None:
        self.replica = replica
        self.down = down
        self.decoder = decoder
        self.answered = False  # the header has come
        self.sent = False  # and a frame


class ResumingReader:
    """A call that breaks is followed by one that asks a replica for the rest: the same content (its
    fingerprint), the same resolved spec (its digest), the next ordinal. A replica that has anything
    else is left out until the next frame has come, so a stream never mixes contents. What users see
    is one stream: one header, each epoch's header once, each frame once.

    Gives up when no replica will do, when the error is one that no replica would cure, or after
    retry_timeout without a frame. Before anything has answered each replica is tried once: the
    addresses may be wrong.

    `next` is for one thread, `cancel` for any.
    """

    def __init__(self, options: StreamOptions, settings: Settings, replicas: Replicas) -> None:
        self._options = options
        self._settings = settings
        self._replicas = replicas
        self._cursor = StreamCursor(options)
        self._info: Optional[StreamInfo] = None
        self._placement = StreamPlacement(options, settings.spread, replicas)
        self._left = ""  # the address that it moves from, until the next header
        self._outage = Outage()
        self._backoff = Backoff()
        self._lost = ""  # what the user is to be told when the stream goes on
        self._cancelled = threading.Event()
        self._lock = threading.RLock()  # of the call alone
        self._call: Optional[_Call] = None

    def next(self) -> Optional[Event]:
        """Blocks for the next event; None at the end of the stream. Errors are final; Cancelled
        after `cancel`."""
        while True:
            call = self._call
            if self._cancelled.is_set():
                self._end_call()
                raise errors.Cancelled("the stream was cancelled")
            if call is None:
                self._connect()
                continue
            data = call.down.read()
            try:
                if data is not None:
                    event = self._take(call, call.decoder.decode(data))
                    if event is not None:
                        return event
                    continue
                by_server = True
                call.down.finish()
                by_server = False
                call.decoder.check_complete()
                self._end_call()
                return None
            except errors.Error as error:
                self._end_call()
                if data is not None:
                    by_server = False
                # A server that goes away behind its last frame has said everything.
                if by_server and self._cursor.done:
                    return None
                if not (self._cancelled.is_set() or (by_server and self._moves(call, error))):
                    self._fail(call, error, by_server)

    def cancel(self) -> None:
        with self._lock:
            self._cancelled.set()
            if self._call is not None:
                self._call.down.cancel()

    def close(self) -> None:
        """When nobody reads any more."""
        self._end_call()

    def _end_call(self) -> None:
        with self._lock:
            call, self._call = self._call, None
        if call is not None:
            call.down.close()

    def _connect(self) -> None:
        while not self._cancelled.is_set():
            outage = self._outage
            if outage.started is not None:
                replicas = self._placement.fail()
            elif self._left:
                replicas = self._placement.move(self._left)
            else:
                replicas = self._placement.begin()
            replica = outage.choose(replicas)
            if replica is not None:
                return self._start(replica)
            # Every replica has failed in this round.
            cold = self._info is None and not self._replicas.any_answered
            pause = max(self._backoff.next(), outage.retry_delay)
            now = time.monotonic()
            deadline = (outage.started or now) + self._settings.retry_timeout
            if cold or not outage.any_left(replicas) or now + pause > deadline:
                raise outage.final(self._what(), now)
            tell(outage.trying_on(self._what(), now, deadline))
            self._cancelled.wait(pause)
            outage.next_round()

    def _start(self, replica: Replica) -> None:
        rest = copy.copy(self._options)
        info, settings = self._info, self._settings
        if info is not None:
            rest.dataset = info.dataset
            rest.fingerprint = info.fingerprint
            rest.spec = info.resolved_spec
            rest.start_epoch = self._cursor.epoch
            rest.start_ordinal = self._cursor.ordinal
            rest.num_epochs = self._cursor.num_epochs
        request = stream_request(rest, settings.compact, settings.max_frame_bytes)
        down = replica.channel.start_down(method("StreamBatches"), request)
        decoder = StreamDecoder(rest, settings.max_frame_bytes, settings.compact)
        with self._lock:
            self._call = _Call(replica, down, decoder)
            if self._cancelled.is_set():
                down.cancel()

    def _take(self, call: _Call, event: Event) -> Optional[Event]:
        """Digests what has come; None: nothing for the user."""
        if isinstance(event, StreamInfo):
            first = self._info is None
            self._take_header(call, event)
            if not first:
                return None
            self._info = event
        elif isinstance(event, EpochInfo):
            if not self._cursor.take_epoch(event):
                return None
        else:
            self._cursor.take_frame()
            call.sent = True
            if self._outage.started is not None:
                self._outage = Outage()
            self._backoff.reset()
        return event

    def _take_header(self, call: _Call, info: StreamInfo) -> None:
        ours = self._info
        if ours is not None:
            if info.spec_digest != ours.spec_digest:
                raise errors.DataLoss(
                    f"the server resolves the spec to {info.spec_digest.hex()}, not "
                    f"{ours.spec_digest.hex()}"
                )
            if info.layout.encoded() != ours.layout.encoded():
                raise errors.DataLoss("the server lays batches out in another way")
        call.answered = True
        self._left = ""
        self._replicas.answered(call.replica)
        self._placement.landed(call.replica, info.max_age_ms)
        if not self._lost:
            return
        refusals = self._outage.refusals()
        tell(
            f"{self._lost}; {call.replica.address} goes on with frame {self._cursor.ordinal} of "
            f"epoch {self._cursor.epoch}" + (f" (refused: {refusals})" if refusals else "")
        )
        self._lost = ""

    def _moves(self, call: _Call, error: errors.Error) -> bool:
        """Whether the server has ended the call though nothing is wrong: the stream goes on wherever
        there is least to do, without a word."""
        if details.of(error).stream_end not in (details.AGE, details.IDLE):
            return False
        if not call.sent:
            return False  # such a server would keep us going round
        self._left = call.replica.address
        return True

    def _fail(self, call: _Call, error: errors.Error, by_server: bool) -> None:
        """The call has broken with an error of the server or of our own checks. Raises it if it is
        the end of the stream."""
        failure = self._judge(call, error, by_server)
        if failure == FINAL:
            raise error
        # One that moves has lost nothing where it has only asked.
        if self._outage.started is None and self._info is not None and not self._left:
            self._lost = (
                f"the stream of {self._info.dataset} from {call.replica.address} broke off "
                f"({text_of(error)})"
            )
        if failure == TRANSIENT:
            self._replicas.failed(call.replica)
        self._outage.add(call.replica, error, failure, time.monotonic())

    def _judge(self, call: _Call, error: errors.Error, by_server: bool) -> str:
        """What each code of the service means is in graphfeed.proto."""
        code, resuming = error.code, self._info is not None
        if code in ("DATA_LOSS", "INTERNAL", "NOT_FOUND"):
            return NOT_HERE
        if code == "RESOURCE_EXHAUSTED":
            # Too many streams; but of frames that are too large there is no end elsewhere.
            if not by_server or call.answered:
                return FINAL
            return TRANSIENT if resuming else NOT_HERE
        if code in ("INVALID_ARGUMENT", "OUT_OF_RANGE", "UNIMPLEMENTED"):
            # Another server took the same request: this one is of another make.
            return NOT_HERE if resuming and not call.answered else FINAL
        if code == "FAILED_PRECONDITION":
            return self._judge_content(call)
        if code in ("UNAUTHENTICATED", "PERMISSION_DENIED"):
            return FINAL
        return TRANSIENT

    def _judge_content(self, call: _Call) -> str:
        """Other content, or a batch that cannot be made of the right one?"""
        info: Any = self._info or self._options
        if info.fingerprint is None or call.answered:
            return FINAL
        try:
            has = call.replica.channel.call(
                method("GetDataset"),
                messages.GetDatasetRequest(dataset=info.dataset),
                self._settings.deadline,
                messages.DatasetInfo,
            )
        except errors.Error:
            return TRANSIENT
        return FINAL if has.fingerprint == info.fingerprint else NOT_HERE

    def _what(self) -> str:
        begin = "stream" if self._info is None else "go on with"
        return (
            f"{begin} {self._options.dataset} at frame {self._cursor.ordinal} of epoch "
            f"{self._cursor.epoch}"
        )
