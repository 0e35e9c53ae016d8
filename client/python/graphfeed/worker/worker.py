"""Trains or asks a model with a loader's batches."""

from __future__ import annotations

import collections
import contextlib
import os
import pathlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from graphfeed import _arguments, _warn
from graphfeed._text import add_note
from graphfeed.layout import Position
from graphfeed.worker import pipeline
from graphfeed.worker.checkpoints import Checkpoint, Checkpoints
from graphfeed.worker.execution import NotApplied, TorchExecution, execution_of, group_of
from graphfeed.worker.feed import Fed, feed_of
from graphfeed.worker.kept import Kept
from graphfeed.worker.metrics import WorkerMetrics, reports_to
from graphfeed.worker.predictions import Collector, Predictions
from graphfeed.worker.signals import on_sigterm
from graphfeed.worker.sizes import Sizes
from graphfeed.worker.stages import Closed, Queue, Stage, items_of

_ON_STEP_SECONDS = 5.0  # for on_step to have seen all steps that a checkpoint has


class Step(NamedTuple):
    """A step that succeeded, as `on_step` is told of it."""

    step: int
    """Of the run, from 1."""
    position: Position
    """(epoch, ordinal) before which all is consumed."""
    loss: float | None
    """The mean over its micro-batches; NaN if one was not finite and its step was left out."""
    seconds: float


class Worker:
    """Runs a model on a loader's batches: receives, stages, executes and reports at the same time.

        with gf.Worker(loader, model, optimizer=optimizer, checkpoint_dir="run") as worker:
            worker.run(epochs=10)

    Args:
        loader: a loader of this package, or any iterable of batches that can be iterated again for
            each epoch (checkpoints then need its state_dict).
        model: a torch module, whose loss is taken backward and applied with `optimizer`; a PopTorch
            model, which does that itself; or a function of a batch. Modules and PopTorch models get
            the fields of the batch that their forward's arguments name (`x`,
            `movie__to__actor__edge_index`), as tensors. It returns its loss, or a dict with
            "loss", or a tuple with the loss last; a torch module's is one floating-point number.
        optimizer: of a torch module; without one its weights stay as they are.
        options: an object or dict with PopTorch's device_iterations, replication_factor,
            gradient_accumulation and input_group_size, those of the loader; a torch module's
            optimizer steps once for every replication_factor / input_group_size *
            gradient_accumulation micro-batches. Without them once for every frame.
        inputs: names of the fields that the model gets, or a function that makes its arguments of a
            batch: a dict of them by name, a tuple of them by position, or one; forward's own when
            not given.
        state: {name: object with state_dict and load_state_dict} to keep in checkpoints besides the
            model and the optimizer.
        checkpoint_dir: a folder of checkpoints; the newest one there is gone on from. The shards of
            a run may share it; each has one worker that runs.
        checkpoint_every: steps of an epoch between checkpoints, beside those at the end of every
            epoch and of the run.
        keep: how many checkpoints stay.
        metrics_listen: "host:port" for /metrics, /healthz and /readyz; port 0: any free one.
        report: tell the loader's server, every `report_interval` seconds, or a Client's server.
        name, job, model_name: what reports call the worker, its job and its model.
        queue_depth: batches that may wait before each stage.
        on_step: called with a Step after each one, on a thread of its own, in order.

    Raises:
        ValueError: an argument is out of its range; the checkpoint is another loader's.
        ImportError: metrics_listen without prometheus_client.
    """

    def __init__(
        self,
        loader: Any,
        model: Any,
        *,
        optimizer: Any = None,
        options: Any = None,
        inputs: Sequence[str] | Callable[[Any], Any] | None = None,
        state: Mapping[str, Any] | None = None,
        checkpoint_dir: str | os.PathLike | None = None,
        checkpoint_every: int | None = None,
        keep: int = 3,
        metrics_listen: str | None = None,
        report: Any = False,
        report_interval: float = 2.0,
        name: str | None = None,
        job: str = "",
        model_name: str | None = None,
        queue_depth: int = 2,
        on_step: Callable[[Step], None] | None = None,
    ) -> None:
        self._feed = feed_of(loader)
        self._execution = execution_of(model, optimizer, inputs, group_of(loader, options))
        is_torch = isinstance(self._execution, TorchExecution)
        self._kept = Kept(model, optimizer, state, random=is_torch)
        self._on_step = on_step
        self._depth = _arguments.integer("queue_depth", queue_depth, 1)
        self._every = (
            None if checkpoint_every is None
            else _arguments.integer("checkpoint_every", checkpoint_every, 1)
        )  # fmt: skip
        self._num_shards = getattr(loader, "num_shards", 1)
        self._shard_index = getattr(loader, "shard_index", 0)
        dataset = getattr(loader, "dataset", None)
        self.metrics = WorkerMetrics(
            listen=metrics_listen,
            report=reports_to(report, loader),
            report_interval=report_interval,
            name=name,
            job=job,
            dataset=getattr(getattr(dataset, "info", None), "full_name", ""),
            model=type(model).__name__ if model_name is None else model_name,
            trains=optimizer is not None or not is_torch,
            num_shards=self._num_shards,
            shard_index=self._shard_index,
        )
        self.step = 0
        """Steps that this worker has taken in the run, also before a restart."""
        self.totals = Sizes()
        """What was consumed in the run, also before a restart."""
        self.stopped = False
        """Whether SIGTERM or `stop` ended the run early; `run` returns at once from then on."""
        self._warnings: collections.deque[str] = collections.deque()
        self._saved: Position | None = None
        self._consumed: Fed | None = None  # the last one, without its batch
        self._is_entered = False
        self._is_begun = False  # the run has, here or before a restart
        self._checkpoints: Checkpoints | None = None
        if checkpoint_dir is not None:
            if not self._feed.has_state:
                raise TypeError(
                    f"checkpoint_dir is given, but a {type(loader).__name__} has no state_dict and "
                    "load_state_dict, which say where it stands"
                )
            keep = _arguments.integer("keep", keep, 1)
            self._checkpoints = Checkpoints(
                checkpoint_dir, keep, self._num_shards, self._shard_index
            )
            self._resume()

    @property
    def position(self) -> Position:
        """(epoch, ordinal): all below it is consumed."""
        return self._feed.position

    def stop(self) -> None:
        """Ends the run after the step in work, as SIGTERM does. From any thread."""
        self.stopped = True

    # --- training --------------------------------------------------------------------------------

    def run(self, epochs: int | None = None, steps: int | None = None) -> None:
        """Runs until `epochs` epochs or `steps` steps of the run are done; None: without that end.

        A run begins where the loader stands when a worker without a checkpoint runs first; the rest
        of an epoch counts as one. It goes on in further calls, wherever the loader was read in
        between, and in workers that find its checkpoint: both numbers count from its beginning. If
        nothing is left to do, that is a warning.

        SIGTERM ends it after the step in work, with a checkpoint: `stopped` is True then.

        Raises:
            RuntimeError: another worker of this shard writes, or has written, to checkpoint_dir.
            What the model or the loader raises, with the position in its notes. The checkpoint of
            the last good step is there, if checkpoints are kept.
        """
        epochs = None if epochs is None else _arguments.integer("epochs", epochs, 1)
        steps = None if steps is None else _arguments.integer("steps", steps, 1)
        self._stand()
        self._is_begun = True
        end = None if epochs is None else self._feed.first_epoch + epochs
        if not self.stopped:
            self._warn_if_done(end, steps)
        self._execution.begin()
        with contextlib.ExitStack() as stack:
            if not self._is_entered:
                stack.enter_context(self)
            if self._checkpoints is not None:
                self._checkpoints.take()
            stack.enter_context(on_sigterm(self.stop))
            done = Queue(4 * self._depth)
            reporting = Stage("done", Queue(1), lambda: self._report_all(done))
            try:
                with self._staged(end) as queue:
                    self._steps(queue, done, steps)
                    done.end()
                    reporting.join(_ON_STEP_SECONDS)
                    self._save()  # first: who sent SIGTERM does not wait for ever
            except BaseException as error:
                add_note(error, f"at {self._place()}; {self._goes_on_from()}")
                raise
            finally:
                done.end()
                reporting.join()
            if reporting.error is not None:
                raise reporting.error

    def _steps(self, queue: Queue, done: Queue, steps: int | None) -> None:
        while not self.stopped and (steps is None or self.step < steps):
            try:
                staged, waited = queue.get(lambda: self.stopped)
            except Closed:
                return
            except BaseException as error:  # also Ctrl-C
                self._save_in_spite_of(error)  # it is the batches that failed: what is here is good
                raise
            finally:
                self._warn()
            self.metrics.stall("data", waited)
            losses, seconds = self._execute(staged)
            loss = sum(losses) / len(losses) if losses else None
            self.step += 1
            self.totals.add(staged.sizes)
            self._feed.position = staged.fed.after
            self._consumed = staged.fed._replace(batch=None)
            if self._is_due(staged.fed.after):
                self._save()
            try:
                # Without the batch, whose memory the next one wants.
                done.put((staged.sizes, losses, Step(self.step, staged.fed.after, loss, seconds)))
            except Closed:  # on_step has failed
                return

    def _stand(self) -> None:
        """The loader where the run is, or the run where the loader is if it has not begun."""
        if self._is_begun:
            self._feed.at(self._feed.position)
        else:
            self._feed.begin()

    def _warn_if_done(self, end: int | None, steps: int | None) -> None:
        epoch, first = self._feed.position.epoch, self._feed.first_epoch
        if steps is not None and self.step >= steps:
            _warn.warn(f"nothing to run: {self.step} of the run's {steps} steps are done")
        elif end is not None and epoch >= end:
            _warn.warn(f"nothing to run: {epoch - first} of the run's {end - first} epochs are done")

    def _execute(self, staged: pipeline.Staged) -> tuple[list[float], float]:
        random = self._kept.random()
        begin = time.monotonic()
        try:
            return self._execution.run(staged.inputs), time.monotonic() - begin
        except Exception as failure:
            error = failure.__cause__ if isinstance(failure, NotApplied) else failure
            self.metrics.failure(error, staged.fed.batch)
            if isinstance(failure, NotApplied):
                self._save_in_spite_of(error, random)
            raise error from None

    def _report_all(self, done: Queue) -> Iterator[None]:
        try:
            for sizes, losses, step in items_of(done):
                begin = time.monotonic()
                self.metrics.stage("execute", step.seconds)
                self.metrics._count_step(sizes, losses, step.seconds, step.position)
                if self._on_step is not None:
                    self._on_step(step)
                self.metrics.stage("report", time.monotonic() - begin)
        finally:
            done.close()
        yield from ()

    def _staged(self, end: int | None) -> contextlib.AbstractContextManager[Queue]:
        return pipeline.staged(
            self._feed, self._execution, self.metrics, self._depth, end, self._warnings.append
        )

    def _warn(self) -> None:
        """Of what the stages found, here where the user's line led to."""
        while self._warnings:
            _warn.warn(self._warnings.popleft())

    # --- asking ----------------------------------------------------------------------------------

    def predict(self, path: str | os.PathLike | None = None) -> Predictions:
        """What the model says of every graph, every seed node, or every node of a graph that comes
        whole or in clusters, of one epoch, by id in ascending order, whatever the batches made of
        their order. Weights stay. A null batch is nothing.

        The model returns rows for all graphs (or nodes) of a batch, padding included: itself, under
        "out", or first in a tuple.

        Args:
            path: also written there as .npy, with the ids beside it: "out.npy" and "out.ids.npy";
                each of two shards writes its part, "out.0-of-2.npy" and "out.ids.0-of-2.npy".

        Raises:
            RuntimeError: the loader shuffles, packs or is sharded, and its batches have no
                graph_ids; they are of seed edges; or a whole graph's nodes were cut off.
        """
        collector = Collector(self._feed.loader)
        self._stand()
        start = self._feed.position
        self._feed.at(Position(start.epoch, 0))
        try:
            with self._execution.predicting(), self._staged(start.epoch + 1) as queue:
                for staged, waited in pipeline.until_closed(queue):
                    self.metrics.stall("data", waited)
                    begin = time.monotonic()
                    self._warn()
                    rows = self._execution.predict(staged.inputs)
                    seconds = time.monotonic() - begin
                    self.metrics.stage("execute", seconds)
                    self.metrics._count_step(staged.sizes, [], seconds, None)
                    collector.add(staged.fed.batch, rows)
        finally:
            self._feed.at(start)
        predictions = collector.result()
        if path is not None:
            predictions.save(path, self._num_shards, self._shard_index)
        return predictions

    # --- checkpoints -----------------------------------------------------------------------------

    def save(self) -> pathlib.Path | None:
        """Writes a checkpoint of what has been done; None without checkpoint_dir. Not while `run`
        runs, which does so itself."""
        self._saved = None
        return self._save(always=True)

    def _is_due(self, after: Position) -> bool:
        if after.ordinal == 0:
            return True
        # By position, so that all shards write them at the same ones.
        return self._every is not None and after.ordinal // self._num_shards % self._every == 0

    def _save(self, random: Any = None, always: bool = False) -> pathlib.Path | None:
        """Needs no server once a step has been done: the stream has told what is needed."""
        nothing_new = self._consumed is None or self._saved == self._feed.position
        if self._checkpoints is None or (nothing_new and not always):
            return None
        path = self._checkpoints.save(
            Checkpoint(
                position=self._feed.position,
                loader=self._feed.state(self._consumed),
                step=self.step,
                totals=self.totals,
                state=self._kept.states(random),
                kinds=self._kept.kinds,
                first_epoch=self._feed.first_epoch,
            )
        )
        self._saved = self._feed.position
        self.metrics.checkpoint()
        return path

    def _save_in_spite_of(self, error: BaseException, random: Any = None) -> None:
        """What is done is kept; `error` is what is raised, whatever comes of that."""
        try:
            self._save(random)
        except Exception as failure:
            add_note(error, f"and no checkpoint could be written: {failure!r}")

    def _resume(self) -> None:
        found = self._checkpoints.latest()
        if found is None:
            return
        self._is_begun = True
        self._feed.resume(found.position, found.loader, found.first_epoch)
        source = f"the checkpoint at {tuple(found.position)} in {self._checkpoints.folder}"
        self._kept.load(found.state, found.kinds, source)
        self.step, self.totals, self._saved = found.step, found.totals, found.position

    def _place(self) -> str:
        epoch, ordinal = self._feed.position
        return f"epoch {epoch}, ordinal {ordinal}, after step {self.step}"

    def _goes_on_from(self) -> str:
        if self._checkpoints is None:
            return "no checkpoints are kept (checkpoint_dir)"
        if self._saved is None:
            return f"there is no checkpoint in {self._checkpoints.folder} yet"
        return f"{self._checkpoints.folder} has a checkpoint at {tuple(self._saved)}"

    # --- context ---------------------------------------------------------------------------------

    def __enter__(self) -> Worker:
        self.metrics.__enter__()
        self._is_entered = True
        return self

    def __exit__(self, kind: Any, value: Any, traceback: Any) -> None:
        self._is_entered = False
        if self._checkpoints is not None:
            self._checkpoints.release()
        self.metrics.__exit__(kind, value, traceback)
