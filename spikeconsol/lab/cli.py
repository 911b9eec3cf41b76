"""The command line: ``spikeconsol list``, ``run``, ``show``, ``figures``, ``doctor``.

Heavy modules are imported inside the commands, so that each answers as fast as it can.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from spikeconsol.lab.experiment import Experiment, find_experiments, find_figures, unknown_name
from spikeconsol.parameters import Parameters

if TYPE_CHECKING:
    from spikeconsol.lab.cells import Cell
    from spikeconsol.lab.runner import Executor, Outcome

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
cache = typer.Typer(help="The cache of compiled networks.", no_args_is_help=True)
app.add_typer(cache, name="cache")

Preset = Annotated[str, typer.Option(help="Named settings, for example demo.")]
Level = Annotated[str, typer.Option(help="Only these conditions: rate or spiking.")]
Seed = Annotated[int | None, typer.Option(help="First seed.")]
Seeds = Annotated[int | None, typer.Option(help="Number of seeds.")]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="Change a parameter; may be repeated."),
]


def main() -> None:
    """Run the command line; bad input ends with one line on stderr and exit code 2."""
    try:
        app()
    except (ValueError, OSError, ModuleNotFoundError) as error:
        if "--debug" in sys.argv:
            raise
        print("error: " + " ".join(str(error).split()), file=sys.stderr)
        sys.exit(2)


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of errors.")] = False,
) -> None:
    """Local learning rules as mathematics, rate references and spiking Brian2 networks."""


@app.command("list")
def list_experiments() -> None:
    """Show the experiments that can be run."""
    table = Table(box=None)
    for column in ("experiment", "what it shows", "seeds", "presets"):
        table.add_column(column)
    for experiment in find_experiments().values():
        first, count = experiment.seeds
        table.add_row(
            experiment.name,
            experiment.summary,
            f"{first} to {first + count - 1}" if count > 1 else str(first),
            ", ".join(experiment.presets),
        )
    _console().print(table)


@app.command()
def run(
    name: Annotated[str, typer.Argument(help="Experiment, model, or your own my_model.py.")],
    settings: Settings = None,
    preset: Preset = "",
    level: Level = "",
    seed: Seed = None,
    seeds: Seeds = None,
    out: Annotated[Path | None, typer.Option("--out", help="Folder for the results.")] = None,
    jobs: Annotated[int, typer.Option(help="Processes to use.")] = 1,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would run.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Keep what is finished.")] = False,
) -> None:
    """Run an experiment, or all experiments of a model; print the table and draw the figures."""
    if jobs < 1:
        raise ValueError(f"jobs: got {jobs}; allowed: >= 1")
    from spikeconsol.lab.cells import cells_of

    source, experiments = _chosen(name)
    plans = []
    for experiment in experiments:
        changed = dict(_split("set", setting) for setting in settings or ())
        parameters, numbers = _settled(experiment, changed, preset, seed, seeds)
        folder = out or Path("results") / experiment.name
        if out and len(experiments) > 1:
            folder = out / experiment.name
        plans.append((experiment, parameters, numbers, folder))
    complete = True
    for experiment, parameters, numbers, folder in plans:
        cells = cells_of(experiment, source, parameters, numbers, level, folder)
        if dry_run:
            _describe(experiment, parameters, cells)
        else:
            complete &= _run(experiment, cells, jobs, resume)
    if complete and not dry_run:
        root = Path("results")
        folder = out or root / experiments[0].name.split("/")[0]
        wanted = [name for experiment in experiments for name in experiment.figures]
        _draw(list(dict.fromkeys(wanted)), source, folder / "figures", [folder, root])
    if not complete:
        raise typer.Exit(1)


@app.command()
def sweep(
    name: Annotated[str, typer.Argument(help="Experiment, your own my_model.py, or a TOML file.")],
    over: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUES", help="100,200,400 or 40:220:20; may be repeated."),
    ] = None,
    settings: Settings = None,
    preset: Preset = "",
    level: Level = "",
    seed: Seed = None,
    seeds: Seeds = None,
    out: Annotated[Path | None, typer.Option("--out", help="Folder for the cells.")] = None,
    design: Annotated[str, typer.Option(help="grid, list or random.")] = "grid",
    samples: Annotated[int, typer.Option(help="Points of a random design.")] = 0,
    design_seed: Annotated[int, typer.Option(help="Seed of a random design.")] = 0,
    workers: Annotated[int, typer.Option(help="Processes on this machine.")] = 1,
    scheduler: Annotated[str, typer.Option(help="Address of a Dask scheduler.")] = "",
    retry: Annotated[bool, typer.Option("--retry", help="Compute failed cells again.")] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Replace finished cells.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would run.")] = False,
) -> None:
    """Run an experiment at many points; the same command goes on where it stopped."""
    from spikeconsol.lab import sweep as sweeps
    from spikeconsol.lab.runner import on_dask

    if workers < 1:
        raise ValueError(f"workers: got {workers}; allowed: >= 1")
    given: dict[str, Any] = dict(_split("over", setting) for setting in over or ())
    changed: dict[str, Any] = dict(_split("set", setting) for setting in settings or ())
    if name.endswith(".toml"):
        if given or design != "grid" or samples:
            raise ValueError(f"over: got it beside {name}; allowed: one or the other")
        read = sweeps.read_toml(name)
        name, plan = read.experiment, read.sweep
        if name.endswith(".py"):
            name = str(Path(read.path).parent / name)
        changed = {**read.settings, **changed}
        preset, level = preset or read.preset, level or read.level
        seed = read.seed if seed is None else seed
        seeds = read.seeds if seeds is None else seeds
    else:
        plan = sweeps.Sweep(given, design, samples, design_seed)
    source, experiments = _chosen(name)
    if len(experiments) > 1:
        names = {experiment.name: experiment for experiment in experiments}
        raise ValueError(unknown_name("experiment", name, names))
    (experiment,) = experiments
    parameters, numbers = _settled(experiment, changed, preset, seed, seeds)
    folder = out or Path("results") / "sweeps" / experiment.name
    cells = sweeps.sweep_cells(experiment, source, parameters, numbers, level, plan, folder)
    if dry_run:
        _describe(experiment, parameters, cells)
        return
    if not _sweep(cells, on_dask(workers, scheduler), folder, retry, replace):
        raise typer.Exit(1)


@app.command()
def rerun(file: Annotated[Path, typer.Argument(help="A result file.")]) -> None:
    """Compute a result again from what stands in its file and say whether the numbers match."""
    from spikeconsol.lab.rerun import rerun as compute_again

    differences, notes = compute_again(file, _console())
    for note in notes:
        print(f"note: {note}")
    for difference in differences:
        print(f"differs: {difference}")
    if differences:
        raise typer.Exit(1)
    print("every number matches")


@app.command()
def show(file: Annotated[Path, typer.Argument(help="A result file.")]) -> None:
    """Print what a result file holds and how it was made."""
    import json

    from spikeconsol.lab.results import load
    from spikeconsol.lab.table import heading, with_interval

    dataset = load(file)
    console = _console()
    attributes = dict(dataset.attrs)
    parameters = json.loads(attributes.pop("parameters", "{}"))
    for title, values in (("provenance", attributes), ("parameters", parameters)):
        table = Table(title=title, title_justify="left", show_header=False, box=None)
        for key, value in values.items():
            table.add_row(key, str(value))
        console.print(table)
    table = Table(title="variables", title_justify="left", box=None)
    for column in ("name", "meaning", "dimensions", "mean ± 95% CI"):
        table.add_column(column)
    for key, variable in dataset.data_vars.items():
        shape = ", ".join(f"{dim} {size}" for dim, size in variable.sizes.items())
        numeric = variable.dims == ("seed",) and variable.dtype.kind in "biuf"
        summary = with_interval(variable.values) if numeric else ""
        table.add_row(str(key), heading(variable), shape, summary)
    console.print(table)


@app.command()
def describe(
    name: Annotated[str, typer.Argument(help="An experiment.")],
    condition: Annotated[str, typer.Option(help="By default the first spiking one.")] = "",
    settings: Settings = None,
    preset: Preset = "",
    to: Annotated[str, typer.Option(help="markdown or latex.")] = "markdown",
    out: Annotated[Path | None, typer.Option("--out", help="File to write.")] = None,
) -> None:
    """Write the model description table of an experiment (Nordlie et al. 2009)."""
    from spikeconsol.lab.describe import model_table

    _, (experiment, *_) = _chosen(name)
    changed = dict(_split("set", setting) for setting in settings or ())
    parameters, _ = _settled(experiment, changed, preset, None, None)
    chosen = None
    if condition:
        chosen = experiment.condition(condition, parameters)
    elif experiment.program is not None:
        spiking = [c for c in experiment.conditions(parameters) if c.level == "spiking"]
        chosen = spiking[0] if spiking else None
    if chosen is not None and experiment.program is None:
        raise ValueError(f"condition: got {condition!r}; {experiment.name} has no spiking network")
    text = model_table(experiment, parameters, chosen, to)
    if out is None:
        print(text, end="")
    else:
        out.write_text(text, encoding="utf-8")
        print(out)


@app.command()
def export(
    file: Annotated[Path, typer.Argument(help="A result file.")],
    to: Annotated[str, typer.Option(help="nwb, neo-nix, npz or csv.")],
    out: Annotated[Path | None, typer.Option("--out", help="File or folder to write.")] = None,
) -> None:
    """Write spikes, signals and values of a result for other tools."""
    from spikeconsol.lab.export import export as write

    print(write(file, to, out))


@app.command()
def report(
    folder: Annotated[Path, typer.Argument(help="Folder of a run or of a sweep.")],
    out: Annotated[Path | None, typer.Option("--out", help="HTML file to write.")] = None,
) -> None:
    """Write one self-contained HTML page about all results of a folder."""
    from spikeconsol.lab.report import write_report

    print(write_report(folder, out or folder / "report.html"))


@app.command()
def figures(
    names: Annotated[list[str] | None, typer.Argument(help="Figures; all if none.")] = None,
    results: Annotated[Path, typer.Option(help="Folder of results.")] = Path("results"),
    out: Annotated[Path | None, typer.Option(help="Folder for the figures.")] = None,
    check: Annotated[bool, typer.Option("--check", help="Only say which are stale.")] = False,
    no_run: Annotated[bool, typer.Option("--no-run", help="Compute no missing results.")] = False,
    jobs: Annotated[int, typer.Option(help="Processes to use.")] = 1,
) -> None:
    """Bring figures up to date, computing the results that are missing."""
    from spikeconsol.lab.pipeline import UP_TO_DATE, result_files, state

    known = find_figures()
    for name in names or ():
        if name not in known:
            raise ValueError(unknown_name("figure", name, known))
    chosen = {name: known[name] for name in names or known}
    folder = out or results / "figures"
    if check:
        states = {
            name: state(
                figure, {need: result_files(need, [results]) for need in figure.needs}, folder
            )
            for name, figure in chosen.items()
        }
        table = Table(box=None)
        table.add_column("figure")
        table.add_column("state")
        for name, found in states.items():
            table.add_row(name, found)
        _console().print(table)
        if set(states.values()) - {UP_TO_DATE}:
            raise typer.Exit(1)
        return
    complete = True
    if not no_run:
        needs = dict.fromkeys(need for figure in chosen.values() for need in figure.needs)
        missing = [need for need in needs if not result_files(need, [results])]
        complete = _compute_missing(missing, results, jobs)
    if not _draw(list(chosen), "", folder, [results]) or not complete:
        raise typer.Exit(1)


@app.command()
def version() -> None:
    """Print the version."""
    import spikeconsol

    print(spikeconsol.__version__)


@app.command()
def doctor() -> None:
    """Check versions, compiler and Brian2's targets with a tiny run on each."""
    from spikeconsol.brian import backend

    checks = backend.doctor()
    table = Table(show_header=False, box=None)
    for check in checks:
        table.add_row("[green]ok[/]" if check.ok else "[red]no[/]", check.name, check.detail)
    _console().print(table)
    if not all(check.ok for check in checks):
        raise typer.Exit(1)


@cache.command("clear")
def clear_cache() -> None:
    """Remove the compiled networks."""
    from spikeconsol.brian import backend

    folders, size = backend.clear_cache()
    print(f"removed {folders} compiled networks, {size / 1e6:.1f} MB")


def _console() -> Console:
    console = Console()
    return console if console.is_terminal else Console(width=140)


def _chosen(name: str) -> tuple[str, list[Experiment]]:
    """Find what to run: (path of the user's own file or "", experiments)."""
    file, own, part = name.partition(".py")
    if own and part[:1] in ("", "/"):
        source = str(Path(file + own).resolve())
        known = find_experiments(source)
        chosen = [e for key, e in known.items() if key.endswith(part)]
    else:
        source = ""
        known = find_experiments()
        chosen = [e for key, e in known.items() if key == name or key.startswith(f"{name}/")]
    if not chosen:
        raise ValueError(unknown_name("experiment", name, known))
    return source, chosen


def _split(option: str, setting: str) -> tuple[str, str]:
    """Split ``name=value``."""
    key, sign, text = setting.partition("=")
    if not (sign and key.strip() and text.strip()):
        raise ValueError(f"{option}: got {setting!r}; allowed: name=value")
    return key.strip(), text.strip()


def _settled(
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
    return experiment.parameters().with_settings(values), tuple(range(first, first + number))


def _describe(experiment: Experiment, parameters: Parameters, cells: Sequence[Cell]) -> None:
    console = _console()
    table = Table(title=experiment.name, title_justify="left", show_header=False, box=None)
    for key, value in parameters.flat().items():
        table.add_row(key, str(value))
    console.print(table)
    seeds = cells[0].seeds
    console.print(f"seeds: {seeds[0]} to {seeds[-1]} (n = {len(seeds)})", highlight=False)
    for cell in cells:
        console.print(str(cell.path), highlight=False, soft_wrap=True)


def _run(experiment: Experiment, cells: Sequence[Cell], jobs: int, resume: bool) -> bool:
    """Run cells and print their table; return whether none has failed."""
    from spikeconsol.lab.cells import command_line
    from spikeconsol.lab.results import load
    from spikeconsol.lab.runner import in_processes, in_this_process
    from spikeconsol.lab.table import table

    again = command_line() + ("" if resume else " --resume")
    executor = in_this_process if jobs == 1 else in_processes(jobs)
    outcome = _compute(cells, executor, again, resume=resume)
    present = [cell for cell in cells if cell in outcome.computed or cell in outcome.kept]
    if present:
        datasets = [load(cell.path) for cell in present]
        _console().print(table(experiment.name, datasets, experiment.columns))
    print(f"results: {cells[0].path.parent}")
    return not outcome.failed


def _sweep(
    cells: Sequence[Cell], executor: Executor, folder: Path, retry: bool, replace: bool
) -> bool:
    """Run the cells of a sweep; return whether none has failed."""
    from spikeconsol.lab.cells import command_line

    again = command_line().replace(" --replace", "")
    outcome = _compute(cells, executor, again, resume=not replace, retry=retry)
    computed, failed = len(outcome.computed), len(outcome.failed)
    print(f"{computed} cells computed, {len(outcome.kept)} kept, {failed} failed, in {folder}")
    if failed and not retry:
        print("failed cells are computed again with --retry")
    return not failed


def _compute(cells: Sequence[Cell], executor: Executor, again: str, **options: bool) -> Outcome:
    """Compute cells; say how to go on where it is interrupted, and what has failed."""
    from spikeconsol.lab.runner import run_cells

    try:
        outcome = run_cells(cells, executor, console=_console(), **options)
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
        print(text + f"traceback: {failed[0].error_path}", file=sys.stderr)
    return outcome


def _compute_missing(names: Sequence[str], root: Path, jobs: int) -> bool:
    """Run experiments whose results are missing, after saying how long it may take."""
    from spikeconsol.lab.cells import cells_of
    from spikeconsol.lab.pipeline import seconds_needed

    known = find_experiments()
    plans = []
    for name in names:
        if name not in known:
            raise ValueError(unknown_name("experiment", name, known))
        parameters, seeds = _settled(known[name], {}, "", None, None)
        cells = cells_of(known[name], "", parameters, seeds, "", root / name)
        seconds = seconds_needed(cells, root)
        guess = "not run here before" if seconds is None else f"about {seconds / jobs / 60:.1f} min"
        print(f"missing: {name}, {len(cells)} conditions of {len(seeds)} seeds: {guess}")
        plans.append((known[name], cells))
    complete = True
    for experiment, cells in plans:
        complete &= _run(experiment, cells, jobs, resume=True)
    return complete


def _draw(names: Sequence[str], source: str, out: Path, roots: Sequence[Path]) -> bool:
    """Draw the figures whose results are there; say what the others lack."""
    from spikeconsol.lab.cells import command_line
    from spikeconsol.lab.pipeline import UP_TO_DATE, draw, result_files, state

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
        else:
            print(f"figure: {draw(figure, files, out, command_line())} (and .png, .json)")
    return complete
