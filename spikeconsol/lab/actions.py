"""What the commands have in common: choose experiments, settle parameters, run, report, draw.

Heavy modules are imported inside the functions, as in `spikeconsol.lab.cli`.
"""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from spikeconsol.lab.catalogue import (
    find_experiment,
    find_experiments,
    find_figures,
    listing,
    unknown_name,
)
from spikeconsol.lab.experiment import Experiment
from spikeconsol.parameters import Parameters
from spikeconsol.values import printable, shown

if TYPE_CHECKING:
    from spikeconsol.lab.cells import Cell
    from spikeconsol.lab.runner import Executor, Outcome

__all__ = [
    "chosen",
    "compute_missing",
    "draw_figures",
    "ending_as_interrupted",
    "make_console",
    "print_plan",
    "run_experiment",
    "run_sweep",
    "settled",
    "split_settings",
]


#: Points of a sweep that ``--dry-run`` shows, and the most seeds of a run.
SHOWN, MOST_SEEDS = 10, 100_000


@contextlib.contextmanager
def ending_as_interrupted() -> Iterator[None]:
    """Let a run that a batch system or a closed terminal ends stop as Ctrl-C stops it.

    A signal that is ignored, as by ``nohup``, stays so.
    """

    def interrupt(number: int, _: object) -> None:
        raise KeyboardInterrupt(signal.Signals(number).name)

    before = {}
    if threading.current_thread() is threading.main_thread():
        for name in ("SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)  # Windows has no SIGHUP
            if number is not None and signal.getsignal(number) is signal.SIG_DFL:
                before[number] = signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def make_console() -> Console:
    """Make a console that is wide enough for tables where there is no terminal."""
    console = Console()
    return console if console.is_terminal else Console(width=140)


def chosen(name: str) -> tuple[str, list[Experiment]]:
    """Find what to run: (path of the user's own file or "", experiments)."""
    file, own, part = name.partition(".py")
    if own and part[:1] in ("", "/"):
        source = str(Path(file + own).resolve())
        found = find_experiments(source)
        known: dict[str, Any] = dict(found)
        chosen = [e for key, e in found.items() if key.endswith(part)]
    else:
        source = ""
        names = listing()
        wanted = [key for key in names if key == name or key.startswith(f"{name}/")]
        chosen = [find_experiment(key) for key in wanted]
        known = dict.fromkeys(names)
    if not chosen:
        raise ValueError(unknown_name("experiment", name, known))
    return source, chosen


def split_settings(option: str, settings: Sequence[str] | None) -> dict[str, str]:
    """Split each ``name=value`` of a repeated option."""
    found = {}
    for setting in settings or ():
        key, sign, text = (part.strip() for part in setting.partition("="))
        if not (sign and key and text):
            raise ValueError(f"{option}: got {setting!r}; allowed: name=value")
        if key in found:
            raise ValueError(f"{option}: got {key} twice; allowed: each name once")
        found[key] = text
    return found


def settled(
    experiment: Experiment,
    settings: Mapping[str, Any],
    preset: str,
    seed: int | None,
    count: int | None,
) -> tuple[Parameters, tuple[int, ...]]:
    """Defaults, then the preset, then ``--set``; and the seeds."""
    values: dict[str, Any] = {}
    if preset:
        if preset not in experiment.presets:
            raise ValueError(unknown_name(f"{experiment.name}: preset", preset, experiment.presets))
        values |= experiment.presets[preset]
    first, number = experiment.seeds
    number = values.pop("seeds", number)
    values |= settings
    first = first if seed is None else seed
    number = number if count is None else count
    if first < 0:
        raise ValueError(f"seed: got {first}; allowed: >= 0")
    if number < 1:
        raise ValueError(f"seeds: got {number}; allowed: >= 1")
    if number > MOST_SEEDS:
        raise ValueError(f"seeds: got {number}; allowed: at most {MOST_SEEDS}")
    if first + number > 2**31:
        raise ValueError(f"seed: got {shown(first)}; allowed: seeds below 2**31")
    return experiment.parameters().with_settings(values), tuple(range(first, first + number))


def print_plan(
    experiment: Experiment, parameters: Parameters, cells: Sequence[Cell], points: int = 1
) -> None:
    """Print parameters, seeds and files of a run that is not made; of a large sweep the first."""
    console = make_console()
    table = Table(title=experiment.name, title_justify="left", show_header=False, box=None)
    fields = parameters.fields()
    for key, value in parameters.flat().items():
        unit = fields[key]["unit"]
        table.add_row(
            key, escape(printable(str(value))), "" if unit == "1" else unit, fields[key]["doc"]
        )
    console.print(table)
    seeds = cells[0].seeds
    console.print(f"seeds: {seeds[0]} to {seeds[-1]} (n = {len(seeds)})", highlight=False)
    for cell in cells:
        console.print(str(cell.path), highlight=False, markup=False, soft_wrap=True)
    if points > SHOWN:
        print(f"... these are the first {SHOWN} of {points} points")


def run_experiment(experiment: Experiment, cells: Sequence[Cell], jobs: int, resume: bool) -> bool:
    """Run cells and print their table; return whether none has failed."""
    from spikeconsol.lab.cells import command_line
    from spikeconsol.lab.results import load
    from spikeconsol.lab.runner import in_processes, in_this_process
    from spikeconsol.lab.table import table

    again = command_line() + ("" if resume else " --resume")
    executor = in_this_process if jobs == 1 else in_processes(jobs)
    outcome = compute_cells(cells, executor, again, resume=resume)
    present = [cell for cell in cells if cell in outcome.computed or cell in outcome.kept]
    if present:
        datasets = [load(cell.path) for cell in present]
        make_console().print(table(experiment.name, datasets, experiment.columns))
    print(f"results: {cells[0].path.parent}")
    return not outcome.failed


def run_sweep(
    cells: Sequence[Cell], executor: Executor, folder: Path, retry: bool, replace: bool
) -> bool:
    """Run the cells of a sweep; return whether none has failed."""
    from spikeconsol.lab.cells import command_line

    again = command_line().replace(" --replace", "")
    outcome = compute_cells(cells, executor, again, resume=not replace, retry=retry)
    computed, failed = len(outcome.computed), len(outcome.failed)
    print(f"{computed} cells computed, {len(outcome.kept)} kept, {failed} failed, in {folder}")
    if failed and not retry:
        print("failed cells are computed again with --retry")
    return not failed


def compute_cells(
    cells: Sequence[Cell], executor: Executor, again: str, **options: bool
) -> Outcome:
    """Compute cells; say how to go on where it is interrupted, and what has failed."""
    from spikeconsol.lab.runner import run_cells

    try:
        outcome = run_cells(cells, executor, console=make_console(), **options)
    except KeyboardInterrupt:
        done = sum(cell.path.exists() for cell in cells)
        print(f"interrupted: {done} of {len(cells)} cells are finished and kept")
        print(f"continue with: {again}")
        raise typer.Exit(130) from None
    if outcome.kept:
        print(f"{len(outcome.kept)} of {len(cells)} cells were finished already")
    by_reason: dict[str, list[Cell]] = {}
    for cell, reason in outcome.failed.items():
        by_reason.setdefault(reason, []).append(cell)
    for reason, failed in by_reason.items():
        text = f"failed ({len(failed)}): {failed[0].condition}: {reason}; "
        print(printable(text) + f"traceback: {failed[0].error_path}", file=sys.stderr)
    return outcome


def compute_missing(names: Sequence[str], root: Path, jobs: int) -> bool:
    """Run experiments whose results are missing, after saying how long it may take."""
    from spikeconsol.lab.cells import cells_of
    from spikeconsol.lab.pipeline import seconds_needed

    plans = []
    for name in names:
        experiment = find_experiment(name)
        parameters, seeds = settled(experiment, {}, "", None, None)
        cells = cells_of(experiment, "", parameters, seeds, "", root / name)
        seconds = seconds_needed(cells, root)
        guess = "not run here before" if seconds is None else f"about {seconds / jobs / 60:.1f} min"
        print(f"missing: {name}, {len(cells)} conditions of {len(seeds)} seeds: {guess}")
        plans.append((experiment, cells))
    complete = True
    for experiment, cells in plans:
        complete &= run_experiment(experiment, cells, jobs, resume=True)
    return complete


def draw_figures(names: Sequence[str], source: str, out: Path, roots: Sequence[Path]) -> bool:
    """Draw the figures whose results are there; say what the others lack."""
    from spikeconsol.lab.cells import command_line
    from spikeconsol.lab.pipeline import UP_TO_DATE, IncompleteError, draw, result_files, state

    known = find_figures(source)
    complete = True
    for name in names:
        if name not in known:
            raise ValueError(unknown_name("figure", name, known))
        figure = known[name]
        files = {need: result_files(need, roots) for need in figure.needs}
        missing = [need for need, paths in files.items() if not paths]
        if missing:
            complete = False
            commands = " and ".join(f"spikeconsol run {need}" for need in missing)
            print(f"figure {name}: not drawn, it needs the results of {commands}")
            continue
        if state(figure, files, out, source) == UP_TO_DATE:
            print(f"figure: {out / name}.pdf is up to date")
            continue
        try:
            print(f"figure: {draw(figure, files, out, command_line())} (and .png, .json)")
        except IncompleteError as error:
            complete = False
            print(f"figure {name}: not drawn, {error}")
    return complete
