"""gRPC: methods by path, messages as bytes, errors as graphfeed's. Nothing else in the package
includes it.

Calls are made on the threads that wait for them, with grpcio's single-threaded streams, also where
one answer comes: such a call can be cancelled from elsewhere, Ctrl-C interrupts it, and no thread
of grpcio's stays behind that a fork would not survive."""

from __future__ import annotations

import queue
import threading
from typing import Any, Callable, Iterator, List, Optional

import grpc

from graphfeed import errors
from graphfeed._portable import descriptors, details, ending, forks, security
from graphfeed._portable.channel_options import ChannelOptions

# How often a waiting thread looks whether there is something else to do.
INTERRUPT_SECONDS = 0.1
_JOIN_SECONDS = 5.0
_NO_REASON = "the server gave no reason"


def _single_threaded() -> list:
    experimental: Any = getattr(grpc, "experimental", None)
    if experimental is None:
        try:
            import grpc.experimental as experimental
        except ImportError:
            return []
    name = getattr(experimental.ChannelOptions, "SingleThreadedUnaryStream", None)
    return [] if name is None else [(name, 1)]


def from_rpc(error: Any) -> errors.Error:
    """The exception for a call that failed."""
    reason = security.with_tls_hint(error.details() or _NO_REASON)
    found = errors.from_status(error.code().name, reason)
    return details.attach(found, error.trailing_metadata())


class _Connection:
    """A gRPC channel and the calls that use it."""

    def __init__(self, channel: Any) -> None:
        self.channel = channel
        self.uses = 0
        self.dropped = False


class Use:
    """The right to use a channel, for the duration of a call."""

    def __init__(self, owner: Channel) -> None:
        self._owner = owner
        self._in_progress = forks.CallInProgress()
        with ending.WithinGrpc():
            self._in_progress.begin()  # never with the channel's lock: forks take both
            try:
                self._connection = owner._begin_use()
            except BaseException:
                self._in_progress.end()
                raise
        self._ended = False

    def start(self, start: Callable[[Any], Any]) -> Any:
        """The call that `start` makes of a gRPC channel."""
        with ending.WithinGrpc():
            try:
                call = start(self._connection.channel)
            except BaseException:
                self.end()
                raise
            self._in_progress.keeps = (self._connection, call)
        return call

    def end(self) -> None:
        """Within gRPC."""
        if not self._ended:
            self._ended = True
            self._owner._end_use(self._connection)
            self._in_progress.end()
            self._in_progress.keeps = None


class Channel:
    """A connection to one server, made by the first call. Thread-safe."""

    def __init__(self, endpoint: str, authority: str, options: ChannelOptions) -> None:
        self._endpoint = endpoint
        self._arguments = [*options.to_grpc(authority), *_single_threaded()]
        self._security = options.security
        self._look: tuple = ()  # of the files that the connection was made with
        self._current: Optional[_Connection] = None
        self._lock = threading.RLock()  # a finalizer may end a call
        forks.register(self)

    def _begin_use(self) -> _Connection:
        forks.check_not_damaged()
        with self._lock:
            self._drop_if_rotated()
            if self._current is None:
                self._current = _Connection(self._connect())
            self._current.uses += 1
            return self._current

    def _connect(self) -> Any:
        files = self._security.files(self._endpoint)
        if files is None:
            return grpc.insecure_channel(self._endpoint, options=self._arguments)
        credentials = grpc.ssl_channel_credentials(*files)
        return grpc.secure_channel(self._endpoint, credentials, options=self._arguments)

    def _drop_if_rotated(self) -> None:
        if self._security.root_ca:
            look = self._security.look()
            if look != self._look:
                self._look = look
                self._drop()

    def call(self, method: str, request: Any, timeout: Optional[float], response: Any) -> Any:
        """Asks once. What comes back is of the class `response`.

        Raises:
            errors.Error: the server's, or why there is none.
        """
        if threading.current_thread() is threading.main_thread() and not ending.is_ending():
            data = _Asking(self, method, request, timeout).wait()
        else:
            data = self._ask(method, request, timeout)
        if data is None:
            raise errors.Internal("the server has not answered, and says that all is well")
        return _parsed(data, response)

    def _ask(
        self,
        method: str,
        request: Any,
        timeout: Optional[float],
        started: Callable[[DownStream], None] = lambda down: None,
    ) -> Optional[bytes]:
        down = self.start_down(method, request, timeout)
        try:
            started(down)
            data = down.read()
            if data is not None and down.read() is not None:  # the status
                raise errors.Internal("the server has answered twice")
            down.finish()
        finally:
            down.close()
        return data

    def start_down(self, method: str, request: Any, timeout: Optional[float] = None) -> DownStream:
        """A call that is answered by messages."""
        metadata = self._security.metadata()
        return DownStream(Use(self), method, request.SerializeToString(), timeout, metadata)

    def start_up(self, method: str) -> UpStream:
        """A call that sends messages and is answered once."""
        metadata = self._security.metadata()
        return UpStream(Use(self), method, metadata)

    def reconnect(self) -> None:
        """The next call makes a new connection, at once. Running ones keep theirs."""
        with self._lock:
            self._drop()

    def close_idle(self) -> None:
        """Before a fork: no call is running."""
        with self._lock:
            self._drop()

    def _drop(self) -> None:
        connection, self._current = self._current, None
        if connection is not None:
            connection.dropped = True
            self._close_unused(connection)

    def _end_use(self, connection: _Connection) -> None:
        with self._lock:
            connection.uses -= 1
            self._close_unused(connection)

    def _close_unused(self, connection: _Connection) -> None:
        if connection.dropped and connection.uses == 0:
            connection.channel.close()


def _parsed(data: bytes, response: Any) -> Any:
    try:
        return descriptors.parse(response, data)
    except Exception as error:  # of protobuf, by its versions
        raise errors.Internal(f"the answer is not a message: {error}") from None


class _Asking:
    """The main thread's question, asked by another one: a signal's exception, as Ctrl-C's, that came
    within grpcio's locks would leave them taken, and the connection's next call would hang."""

    def __init__(
        self, channel: Channel, method: str, request: Any, timeout: Optional[float]
    ) -> None:
        self._down: Optional[DownStream] = None
        self._given_up = False
        self._data: Optional[bytes] = None
        self._error: Optional[BaseException] = None
        self._done = threading.Lock()  # free when it is done; no Python code is in taking it
        self._done.acquire()

        def ask() -> None:
            try:
                self._data = channel._ask(method, request, timeout, self._started)
            except BaseException as error:
                self._error = error
            finally:
                self._done.release()

        self._thread = threading.Thread(target=ask, name="graphfeed-call", daemon=True)
        self._thread.start()

    def wait(self) -> Optional[bytes]:
        try:
            while not self._done.acquire(timeout=INTERRUPT_SECONDS):
                pass
        except BaseException:
            self._given_up = True
            if self._down is not None:  # not by this thread, either
                threading.Thread(target=self._down.cancel, daemon=True).start()
            self._thread.join(_JOIN_SECONDS)
            raise
        self._thread.join(_JOIN_SECONDS)
        if self._error is not None:
            raise self._error.with_traceback(None)
        return self._data

    def _started(self, down: DownStream) -> None:
        self._down = down
        if self._given_up:
            down.cancel()


class DownStream:
    """`read` and `finish` are for one thread, `cancel` for any."""

    def __init__(
        self,
        use: Use,
        method: str,
        request: bytes,
        timeout: Optional[float],
        metadata: Optional[tuple] = None,
    ) -> None:
        self._use = use
        self._error: Optional[errors.Error] = None
        self._call: Any = use.start(
            lambda channel: channel.unary_stream(method)(
                request, timeout=timeout, metadata=metadata
            )
        )
        ending.register(self)

    def read(self) -> Optional[bytes]:
        """Blocks for the next message. None when there are no more: `finish` says why."""
        try:
            with ending.WithinGrpc():
                return next(self._call)
        except StopIteration:
            return None
        except grpc.RpcError as error:
            self._error = from_rpc(error)
            return None
        finally:
            if ending.is_over_here():  # cancelled by that
                ending.wait_for_it()

    def finish(self) -> None:
        """Raises the error with which the call ended, if it did."""
        if self._error is not None:
            raise self._error

    def cancel(self) -> None:
        call = self._call
        if call is not None and ending.enter():
            call.cancel()
            ending.leave()

    def close(self) -> None:
        """Cancels what has not ended. On the thread that reads."""
        with ending.WithinGrpc():
            self._call.cancel()
            _take_all_events(self._call)
            self._use.end()
            self._call = None  # freed here


def _take_all_events(call: Any) -> None:
    """A single-threaded call that is left with events on their way is never freed, and gRPC with it
    runs for ever, which forks do not survive."""
    state = getattr(call, "_state", None)
    consume = getattr(call, "_consume_next_event", None)
    while consume is not None and state is not None and state.due:
        consume()


class UpStream:
    """A call that sends a stream of messages and is answered once. Not thread-safe."""

    def __init__(self, use: Use, method: str, metadata: Optional[tuple] = None) -> None:
        self._use = use
        self._messages: queue.Queue = queue.Queue(maxsize=1)
        self._ended = threading.Event()
        self._closed = False
        # As if answers streamed: grpcio's own call of such methods waits behind a second one.
        self._answers: List[bytes] = []
        self._call = use.start(
            lambda channel: channel.stream_stream(method)(self._outgoing(), metadata=metadata)
        )
        ending.register(self)
        self._thread = threading.Thread(target=self._receive, daemon=True)
        self._thread.start()

    def _receive(self) -> None:
        """What comes, until the call has ended."""
        try:
            with ending.WithinGrpc():
                for answer in self._call:
                    self._answers.append(answer)
                    if len(self._answers) > 1:
                        self._call.cancel()
                        break
        except grpc.RpcError:  # its code says which
            pass
        finally:
            self._ended.set()
        if ending.is_over_here():
            ending.wait_for_it()

    def _outgoing(self) -> Iterator[bytes]:
        """What grpcio sends, on a thread of its own."""
        while not self._ended.is_set():
            try:
                message = self._messages.get(timeout=INTERRUPT_SECONDS)
            except queue.Empty:
                continue
            if message is None:
                return
            yield message

    def write(self, message: Any) -> None:
        """Sends a message; returns when the one before it is on its way. After an error, which is
        how the call ended, the stream repeats it."""
        self._put(message.SerializeToString())

    def finish(self, response: Any) -> Any:
        """Ends the stream and waits for the answer."""
        self._put(None)
        while not self._ended.wait(INTERRUPT_SECONDS):
            pass
        self._raise_end()
        self.close()
        if not self._answers:
            raise errors.Internal("the server has not answered, and says that all is well")
        return _parsed(self._answers[0], response)

    def _put(self, message: Optional[bytes]) -> None:
        while True:
            if self._ended.is_set():
                self._raise_end()
                return  # with an answer, before all was sent
            try:
                return self._messages.put(message, timeout=INTERRUPT_SECONDS)
            except queue.Full:
                continue

    def _raise_end(self) -> None:
        if ending.is_over_here():  # cancelled by that
            ending.wait_for_it()
        if len(self._answers) > 1:
            self.close()
            raise errors.Internal("the server has answered twice")
        if self._call.code() is not grpc.StatusCode.OK:
            error = from_rpc(self._call)
            self.close()
            raise error

    def cancel(self) -> None:
        self._call.cancel()
        self._ended.set()

    def close(self) -> None:
        """Cancels what has not ended."""
        if not self._closed:
            self._closed = True
            with ending.WithinGrpc():
                self.cancel()
                self._use.end()
            # A fork that comes next shall find no call running.
            self._thread.join(_JOIN_SECONDS)
