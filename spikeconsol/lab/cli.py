"""The command line, one function a command.

Heavy modules are imported inside the commands, so that each answers as fast as it can.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from spikeconsol.lab import actions
from spikeconsol.lab.catalogue import find_figures, listing, unknown_name
from spikeconsol.values import printable

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    # Or Typer has Pydantic, a third of all the time that `list` takes, look at a --help not given.
    context_settings={"default_map": {"help": False, "list": {"help": False}}},
)
cache = typer.Typer(help="The cache of compiled networks.", no_args_is_help=True)
app.add_typer(cache, name="cache")

Preset = Annotated[str, typer.Option(help="Named settings, for example demo.")]
Level = Annotated[str, typer.Option(help="Only these conditions: rate or spiking.")]
Seed = Annotated[int | None, typer.Option(help="First seed.")]
Seeds = Annotated[int | None, typer.Option(help="Number of seeds.")]
Large = Annotated[bool, typer.Option("--large", help="Read files of more than 4 GB of variables.")]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="Change a parameter; may be repeated."),
]


def main() -> None:
    """Run the command line; bad input ends with one line on stderr and exit code 2."""
    try:
        with actions.ending_as_interrupted():
            sys.exit(app(standalone_mode=False))
    except (typer.Abort, KeyboardInterrupt):
        sys.exit(130)  # Ctrl-C, where there is nothing to say about it
    except Exception as error:
        # What typer says of wrong commands and options has a message of its own.
        message = getattr(error, "format_message", error.__str__)
        expected = isinstance(error, ValueError | OSError | ModuleNotFoundError | MemoryError)
        if "--debug" in sys.argv or not (expected or hasattr(error, "format_message")):
            raise
        if text := " ".join(message().split()):
            print(f"error: {printable(text)}", file=sys.stderr)
        sys.exit(2)


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        print(f"spikeconsol {version('spikeconsol')}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of errors.")] = False,
) -> None:
    """Local learning rules as mathematics, rate references and spiking Brian2 networks."""


@app.command("list")
def list_experiments() -> None:
    """Show the experiments that can be run."""
    table = Table(box=None)
    for column in ("experiment", "what it shows", "seeds", "presets"):
        table.add_column(column)
    for experiment in listing().values():
        first, count = experiment.seeds
        table.add_row(
            experiment.name,
            experiment.summary,
            f"{first} to {first + count - 1}" if count > 1 else str(first),
            ", ".join(experiment.presets),
        )
    actions.make_console().print(table)


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

    source, experiments = actions.chosen(name)
    plans = []
    for experiment in experiments:
        changed = actions.split_settings("set", settings)
        parameters, numbers = actions.settled(experiment, changed, preset, seed, seeds)
        folder = out or Path("results") / experiment.name
        if out and len(experiments) > 1:
            folder = out / experiment.name
        plans.append((experiment, parameters, numbers, folder))
    complete = True
    for experiment, parameters, numbers, folder in plans:
        cells = cells_of(experiment, source, parameters, numbers, level, folder)
        if dry_run:
            actions.print_plan(experiment, parameters, cells)
        else:
            complete &= actions.run_experiment(experiment, cells, jobs, resume)
    if complete and not dry_run:
        root = Path("results")
        folder = out or root / experiments[0].name.split("/")[0]
        wanted = [name for experiment in experiments for name in experiment.figures]
        actions.draw_figures(
            list(dict.fromkeys(wanted)), source, folder / "figures", [folder, root]
        )
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
    given: dict[str, Any] = actions.split_settings("over", over)
    changed: dict[str, Any] = actions.split_settings("set", settings)
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
    source, experiments = actions.chosen(name)
    if len(experiments) > 1:
        names = {experiment.name: experiment for experiment in experiments}
        raise ValueError(unknown_name("experiment", name, names))
    (experiment,) = experiments
    parameters, numbers = actions.settled(experiment, changed, preset, seed, seeds)
    folder = out or Path("results") / "sweeps" / experiment.name
    if dry_run:
        first = sweeps.sweep_cells(
            experiment, source, parameters, numbers, level, plan, folder, most=actions.SHOWN
        )
        actions.print_plan(experiment, parameters, first, points=sweeps.size(plan))
        return
    cells = sweeps.sweep_cells(experiment, source, parameters, numbers, level, plan, folder)
    if not actions.run_sweep(cells, on_dask(workers, scheduler), folder, retry, replace):
        raise typer.Exit(1)


@app.command()
def rerun(
    file: Annotated[Path, typer.Argument(help="A result file.")],
    trust: Annotated[
        bool, typer.Option("--trust", help="Run the Python file that the result names.")
    ] = False,
    source: Annotated[
        Path | None, typer.Option("--source", help="Run this Python file in its place.")
    ] = None,
    large: Large = False,
) -> None:
    """Compute a result again from what stands in its file and say whether the numbers match."""
    from spikeconsol.lab.rerun import rerun as compute_again

    console = actions.make_console()
    differences, notes = compute_again(file, console, trust=trust, source=source, large=large)
    for note in notes:
        print(f"note: {note}")
    for difference in differences:
        print(f"differs: {difference}")
    if differences:
        raise typer.Exit(1)
    print("every number matches")


@app.command()
def show(
    file: Annotated[Path, typer.Argument(help="A result file.")], large: Large = False
) -> None:
    """Print what a result file holds and how it was made."""
    import json

    from spikeconsol.lab.results import summary
    from spikeconsol.lab.table import plain

    attributes, variables = summary(file, large=large)
    console = actions.make_console()
    parameters = json.loads(attributes.pop("parameters", "{}"))
    for title, values in (("provenance", attributes), ("parameters", parameters)):
        table = Table(title=title, title_justify="left", show_header=False, box=None)
        for key, value in values.items():
            table.add_row(plain(key), plain(value))
        console.print(table)
    table = Table(title="variables", title_justify="left", box=None)
    for column in ("name", "meaning", "dimensions", "mean ± 95% CI"):
        table.add_column(column)
    for row in variables:
        table.add_row(*map(plain, row))
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
    from spikeconsol.lab.results import write

    _, (experiment, *_) = actions.chosen(name)
    changed = actions.split_settings("set", settings)
    parameters, _ = actions.settled(experiment, changed, preset, None, None)
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
        write(out, text.encode())
        print(out)


@app.command()
def export(
    file: Annotated[Path, typer.Argument(help="A result file.")],
    to: Annotated[str, typer.Option(help="nwb, neo-nix, npz or csv.")],
    out: Annotated[Path | None, typer.Option("--out", help="File or folder to write.")] = None,
    large: Large = False,
) -> None:
    """Write spikes, signals and values of a result for other tools."""
    from spikeconsol.lab.export import export as write

    print(write(file, to, out, large=large))


@app.command()
def report(
    folder: Annotated[Path, typer.Argument(help="Folder of a run or of a sweep.")],
    out: Annotated[Path | None, typer.Option("--out", help="HTML file to write.")] = None,
    large: Large = False,
) -> None:
    """Write one self-contained HTML page about all results of a folder."""
    from spikeconsol.lab.report import write_report

    print(write_report(folder, out or folder / "report.html", large=large))


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
        actions.make_console().print(table)
        if set(states.values()) - {UP_TO_DATE}:
            raise typer.Exit(1)
        return
    complete = True
    if not no_run:
        needs = dict.fromkeys(need for figure in chosen.values() for need in figure.needs)
        missing = [need for need in needs if not result_files(need, [results])]
        complete = actions.compute_missing(missing, results, jobs)
    if not actions.draw_figures(list(chosen), "", folder, [results]) or not complete:
        raise typer.Exit(1)


@app.command()
def version() -> None:
    """Print the version."""
    import spikeconsol

    print(spikeconsol.__version__)


@app.command()
def doctor() -> None:
    """Check versions, compiler and Brian2's targets with a tiny run on each."""
    from spikeconsol.brian.doctor import doctor as check_all

    checks = check_all()
    table = Table(show_header=False, box=None)
    for check in checks:
        table.add_row("[green]ok[/]" if check.ok else "[red]no[/]", check.name, check.detail)
    actions.make_console().print(table)
    if not all(check.ok for check in checks):
        raise typer.Exit(1)


@cache.command("clear")
def clear_cache() -> None:
    """Remove the compiled networks."""
    from spikeconsol.brian import backend

    folders, size = backend.clear_cache()
    print(f"removed {folders} compiled networks, {size / 1e6:.1f} MB")
