"""Compute many cells: in this process, in several, or on a Dask cluster; and say how far it is."""

from __future__ import annotations

import concurrent.futures
import contextlib
import logging
import multiprocessing
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from spikeconsol.lab import cells as cell_tools
from spikeconsol.lab import worker
from spikeconsol.lab.cells import Cell
from spikeconsol.lab.results import ResultError, writable_folder
from spikeconsol.values import printable

__all__ = ["Outcome", "in_processes", "in_this_process", "on_dask", "run_cells"]

#: Computes cells in any order and yields each with "" or with the reason of its failure; its
#: second argument says whether to leave finished files alone.
Executor = Callable[[Sequence[Cell], bool], Iterator[tuple[Cell, str]]]


@dataclass
class Outcome:
    """What became of the cells: computed now, found finished, failed (with the reason)."""

    computed: list[Cell] = field(default_factory=list)
    kept: list[Cell] = field(default_factory=list)
    failed: dict[Cell, str] = field(default_factory=dict)


def run_cells(
    cells: Sequence[Cell],
    executor: Executor,
    *,
    resume: bool,
    console: Console,
    retry: bool = True,
) -> Outcome:
    """Compute cells and write their files.

    Parameters
    ----------
    cells : sequence of Cell
    executor : callable
        `in_this_process`, `in_processes` or another of that form.
    resume : bool
        Keep finished files; otherwise everything is computed and replaced.
    console : rich.console.Console
        Where progress is shown: a bar in a terminal, lines elsewhere.
    retry : bool, optional
        With `resume`, compute again what failed before.

    Raises
    ------
    ResultError
        If a folder cannot be written to, or if a file that stands in a cell's place belongs to
        other parameters or other code; nothing has been computed then.
    """
    for folder in {cell.path.parent for cell in cells}:
        _sweep_out(writable_folder(folder))
    outcome = Outcome()
    wanted = []
    for cell in cells:
        state = cell_tools.state(cell) if resume else "missing"
        if state.startswith("other"):
            raise ResultError(
                f"{cell.path}: {state} than asked for; give another --out, or replace it "
                "(run without --resume, sweep with --replace)"
            )
        if state == "done":
            outcome.kept.append(cell)
        else:
            if state.startswith("damaged"):
                console.print(f"computed again: {state}", highlight=False, soft_wrap=True)
            wanted.append(cell)
    _compute(wanted, executor, resume, retry, console, outcome)
    return outcome


def _compute(
    wanted: Sequence[Cell],
    executor: Executor,
    resume: bool,
    retry: bool,
    console: Console,
    outcome: Outcome,
) -> None:
    """Compute the pieces of the wanted cells and join each cell when its last piece is there."""
    owner: dict[Cell, Cell] = {}
    left: dict[Cell, int] = {}
    for cell in wanted:
        if not resume:
            cell_tools.discard_parts(cell)
        states = {piece: cell_tools.state(piece) for piece in cell_tools.parts(cell)}
        if resume and not retry and "failed" in states.values():
            piece = next(piece for piece, state in states.items() if state == "failed")
            outcome.failed[piece] = "failed before"
            continue
        missing = [piece for piece, state in states.items() if piece == cell or state != "done"]
        if not missing:  # interrupted between the last piece and the joining
            cell_tools.join(cell)
            outcome.computed.append(cell)
        left[cell] = len(missing)
        for piece in missing:
            piece.path.parent.mkdir(parents=True, exist_ok=True)
            owner[piece] = cell
    with _progress(console, len(owner)) as tell:
        for piece, failure in executor(list(owner), resume):
            cell = owner[piece]
            if failure:
                outcome.failed[piece] = failure
                left[cell] = -1  # never joined
            else:
                left[cell] -= 1
            if left[cell] == 0:
                if piece != cell:
                    cell_tools.join(cell)
                outcome.computed.append(cell)
            tell(piece, failure)


def _sweep_out(folder: Path) -> None:
    """Remove what killed processes have left half-written, a day ago or more."""
    for path in folder.glob(".*.tmp"):
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > 86_400:
                path.unlink()


def in_this_process(cells: Sequence[Cell], keep: bool) -> Iterator[tuple[Cell, str]]:
    """Compute cells one after another, here."""
    for cell in cells:
        yield cell, cell_tools.attempt(cell, keep)


def in_processes(jobs: int) -> Executor:
    """Return an executor that computes cells in parallel processes of one thread each."""

    def execute(cells: Sequence[Cell], keep: bool) -> Iterator[tuple[Cell, str]]:
        with _pool(min(jobs, len(cells)) or 1) as pool:
            waiting = {pool.submit(cell_tools.attempt, cell, keep): cell for cell in cells}
            for future in concurrent.futures.as_completed(waiting):
                yield waiting[future], future.result()

    return execute


def on_dask(workers: int = 1, scheduler: str = "") -> Executor:
    """Return an executor that computes cells on Dask.

    Parameters
    ----------
    workers : int, optional
        Processes of one thread each on this machine.
    scheduler : str, optional
        Address of a running scheduler, ``tcp://host:port``, in place of local workers. Its
        workers must see the same folders.

    Raises
    ------
    ModuleNotFoundError
        If Dask is not installed.
    ResultError
        If the scheduler does not answer.
    """
    try:
        import distributed
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "sweeps need Dask; install it with: pip install 'spikeconsol[sweep]'"
        ) from error

    def execute(cells: Sequence[Cell], keep: bool) -> Iterator[tuple[Cell, str]]:
        if not cells:
            return
        with _client(distributed, min(workers, len(cells)), scheduler) as client:
            waiting = {
                client.submit(cell_tools.attempt, cell, keep, key=str(cell.path), pure=False): cell
                for cell in cells
            }
            for future in distributed.as_completed(waiting):
                try:
                    failure = future.result()
                except Exception as error:  # its worker was lost again and again
                    failure = " ".join(f"{type(error).__name__}: {error}".split())
                yield waiting.pop(future), failure

    return execute


@contextmanager
def _client(distributed: Any, workers: int, scheduler: str) -> Iterator[Any]:
    """Connect to a scheduler, or start one with workers on this machine and stop it at the end."""
    if scheduler:
        try:
            client = distributed.Client(scheduler, timeout="5s")
        except (OSError, ValueError, TimeoutError) as error:
            raise ResultError(
                f"scheduler: got {scheduler!r}; allowed: the address of a running Dask scheduler, "
                "tcp://host:port"
            ) from error
        with client:
            yield client
        return
    worker.outlive_terminal()
    with contextlib.ExitStack() as stack:
        try:
            cluster = stack.enter_context(
                distributed.LocalCluster(
                    n_workers=workers,
                    threads_per_worker=1,
                    dashboard_address="127.0.0.1:0",
                    silence_logs=logging.CRITICAL,
                    preload=[worker.__name__],
                )
            )
            client = stack.enter_context(distributed.Client(cluster))
        except (OSError, RuntimeError, TimeoutError) as error:
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            raise ResultError(f"workers: {workers} could not be started ({reason})") from error
        yield client


@contextmanager
def _pool(jobs: int) -> Iterator[concurrent.futures.ProcessPoolExecutor]:
    """Open a pool of processes that ends at once when this one is interrupted."""
    worker.outlive_terminal()
    # A forked child would share locks and threads of numerical libraries: start afresh.
    pool = concurrent.futures.ProcessPoolExecutor(
        jobs, mp_context=multiprocessing.get_context("spawn"), initializer=worker.dask_setup
    )
    try:
        yield pool
    except BaseException:
        processes = list((pool._processes or {}).values())
        pool.shutdown(wait=False, cancel_futures=True)
        for process in processes:
            process.terminate()
        raise
    pool.shutdown()


@contextmanager
def _progress(console: Console, total: int) -> Iterator[Callable[[Cell, str], None]]:
    """Show cells done, failed and the time to go: a bar in a terminal, a line a cell elsewhere."""
    start = time.monotonic()
    done = failed = 0

    def line(piece: Cell, failure: str) -> None:
        nonlocal done
        done += 1
        elapsed = time.monotonic() - start
        left = elapsed / done * (total - done)
        console.print(
            printable(
                f"[{done}/{total}] {piece.title}: {failure or 'done'}, {elapsed:.0f} s, "
                f"about {left:.0f} s to go"
            ),
            highlight=False,
            markup=False,
            soft_wrap=True,
        )

    if not console.is_terminal:
        yield line
        return
    bar = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[failed]}"),
        TimeElapsedColumn(),
        TextColumn("to go"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )

    def advance(piece: Cell, failure: str) -> None:
        nonlocal failed
        failed += bool(failure)
        bar.update(
            task,
            advance=1,
            description=piece.title,
            failed=f"[red]{failed} failed" if failed else "",
        )

    with bar:
        task = bar.add_task("starting", total=total, failed="")
        yield advance
