"""What all benchmarks share: processes timed in turn, the machine's description, output."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Self, TypeVar

import numpy as np

from spikeconsol.data import sparse_patterns

HISTORY = Path(__file__).with_name("history")
ROOT = Path(__file__).parent.parent
PYTHON = sys.executable
#: Packages whose versions decide about speed.
PACKAGES = ("spikeconsol", "brian2", "numpy", "numba", "jax", "scikit-learn")

Row = dict[str, object]
Result = TypeVar("Result")


def patterns_of(n: int, count: int, active: int | None = None) -> np.ndarray:
    """Return the patterns that every contender stores, by default a twentieth of all cells."""
    level = 0.05 if active is None else active / n
    return sparse_patterns(count, n, coding_level=level, seed=1)


def interleaved(
    contenders: Mapping[str, Callable[[], Result]], repeats: int
) -> dict[str, list[Result]]:
    """Call all contenders in turn, round after round, so that a slow minute meets them all."""
    results: dict[str, list[Result]] = {name: [] for name in contenders}
    for turn in range(repeats):
        names = list(contenders)
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            results[name].append(contenders[name]())
    return results


def children_cpu() -> float:
    """CPU seconds of all children that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def cpu_of(function: Callable[[], object]) -> float:
    """CPU seconds that a call takes in this process and in children."""
    started = time.process_time() + children_cpu()
    function()
    return time.process_time() + children_cpu() - started


class PeakMemory:
    """Largest resident memory of this process's children named `name`, in bytes.

    Sampled from /proc: what `getrusage` says of a child includes its parent before the exec.
    """

    def __init__(self, name: str) -> None:
        self.name, self.bytes, self._stop = name, 0, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(0.02):
            for children in Path("/proc/self/task").glob("*/children"):
                for child in children.read_text().split():
                    with contextlib.suppress(OSError, IndexError):
                        status = Path(f"/proc/{child}/status").read_text()
                        if status.split()[1] == self.name:
                            kilobytes = status.split("VmHWM:")[1].split()[0]
                            self.bytes = max(self.bytes, int(kilobytes) * 1024)


def process(command: Sequence[object], cwd: Path = ROOT, **environment: object) -> dict[str, float]:
    """Run a program to its end; return its times, peak memory and the JSON it prints."""
    started = time.perf_counter()
    with PeakMemory(Path(str(command[0])).name[:15]) as peak:
        child = subprocess.Popen(
            [str(word) for word in command],
            cwd=cwd,
            env=os.environ | {name: str(value) for name, value in environment.items()},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert child.stdout is not None
        printed = child.stdout.read()
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise RuntimeError(f"{command[0]} ended with code {child.returncode}: {printed}")
    lines = [line for line in printed.splitlines() if line.startswith("{")]
    measured = {
        "cpu": usage.ru_utime + usage.ru_stime,
        "wall": time.perf_counter() - started,
        "bytes": float(peak.bytes),
    }
    return measured | (json.loads(lines[-1]) if lines else {})


def row(
    benchmark: str,
    contender: str,
    quantity: str,
    values: Sequence[float],
    unit: str,
    **more: object,
) -> Row:
    """Make one row of the results: median and range of repeated measurements.

    What distinguishes several cases of one benchmark, ``N`` or ``task``, comes in by its name.
    """
    return {
        "benchmark": benchmark,
        "contender": contender,
        **more,
        "quantity": quantity,
        "value": float(np.median(values)),
        "lowest": float(np.min(values)),
        "highest": float(np.max(values)),
        "n": len(values),
        "unit": unit,
    }


def machine() -> dict[str, object]:
    """Describe the machine and all versions that decide about speed."""
    cpu = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        cpu = names[0].partition(":")[2].strip() if names else cpu
    compiler = subprocess.run(["g++", "--version"], capture_output=True, text=True).stdout
    return {
        "cpu": cpu,
        "processors": os.cpu_count(),
        "load at the end": os.getloadavg()[0],
        "system": platform.platform(),
        "compiler": compiler.splitlines()[0] if compiler else "none",
        "python": platform.python_version(),
        **{name: _version(name) for name in PACKAGES},
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def save(rows: Sequence[Row], *, quick: bool) -> Path:
    """Add the results to the history, one file for each run."""
    now = datetime.now(UTC)
    HISTORY.mkdir(exist_ok=True)
    path = HISTORY / f"{now:%Y-%m-%d-%H%M}{'-quick' if quick else ''}.json"
    content = {"date": now.isoformat(timespec="seconds"), "machine": machine(), "rows": rows}
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    return path


def tables(rows: Sequence[Row]) -> str:
    """Format results as Markdown, a table for each benchmark."""
    names = dict.fromkeys(str(entry["benchmark"]) for entry in rows)
    return "\n\n".join(
        _table(name, [entry for entry in rows if entry["benchmark"] == name]) for name in names
    )


def _table(name: str, rows: Sequence[Row]) -> str:
    """One column for each case, or for each quantity where there is one case of many contenders."""
    cases = dict.fromkeys(_case(entry) for entry in rows)
    contenders = {entry["contender"] for entry in rows}
    by_quantity = len(cases) == 1 < len(contenders)
    cells: dict[str, dict[str, str]] = {}
    for entry in rows:
        quantity = f"{entry['quantity']}, {entry['unit']}"
        label = str(entry["contender"]) if by_quantity else f"{entry['contender']}: {quantity}"
        column = quantity if by_quantity else _case(entry)
        cells.setdefault(label, {})[column] = _value(entry)
    columns = list(dict.fromkeys(column for line in cells.values() for column in line))
    lines = [f"| {name} | {' | '.join(columns)} |", "|" + "---|" * (len(columns) + 1)]
    for label, line in cells.items():
        lines.append(f"| {label} | {' | '.join(line.get(column, '') for column in columns)} |")
    return "\n".join(lines)


def _case(entry: Row) -> str:
    return f"N = {entry['N']}" if "N" in entry else str(entry.get("task", ""))


def _value(entry: Row) -> str:
    middle, low, high = (_digits(float(entry[key])) for key in ("value", "lowest", "highest"))  # type: ignore[arg-type]
    return middle if entry["n"] == 1 else f"{middle} ({low}–{high})"


def _digits(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
