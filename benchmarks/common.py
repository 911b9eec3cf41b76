"""What all benchmarks share: processes timed in turn, the machine's description, output."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Self

import numpy as np

from spikeconsol.data import sparse_patterns

HISTORY = Path(__file__).with_name("history")
ROOT = Path(__file__).parent.parent

Row = dict[str, object]


def patterns_of(n: int, count: int) -> np.ndarray:
    """Return the patterns that every contender stores."""
    return sparse_patterns(count, n, coding_level=0.05, seed=1)


def interleaved(
    contenders: Mapping[str, Callable[[], dict[str, float]]], repeats: int
) -> dict[str, list[dict[str, float]]]:
    """Call all contenders in turn, round after round, so that a slow minute meets them all."""
    results: dict[str, list[dict[str, float]]] = {name: [] for name in contenders}
    for turn in range(repeats):
        names = list(contenders)
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            results[name].append(contenders[name]())
    return results


def cpu_timed(function: Callable[[], object], repeats: int = 1) -> list[float]:
    """CPU seconds of a function in this process, once for every repeat."""
    seconds = []
    for _ in range(repeats):
        started = time.process_time()
        function()
        seconds.append(time.process_time() - started)
    return seconds


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
        while not self._stop.wait(0.002):
            for children in Path("/proc/self/task").glob("*/children"):
                for child in children.read_text().split():
                    with contextlib.suppress(OSError, IndexError):
                        status = Path(f"/proc/{child}/status").read_text()
                        if status.split()[1] == self.name:
                            kilobytes = status.split("VmHWM:")[1].split()[0]
                            self.bytes = max(self.bytes, int(kilobytes) * 1024)


def process(command: Sequence[str | Path], cwd: Path = ROOT) -> dict[str, float]:
    """Run a program to its end; return its CPU seconds, peak memory and the JSON it prints."""
    with PeakMemory(Path(command[0]).name[:15]) as peak:
        child = subprocess.Popen(
            [str(word) for word in command], cwd=cwd, stdout=subprocess.PIPE, text=True
        )
        assert child.stdout is not None
        printed = child.stdout.read()
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise RuntimeError(f"{command[0]} ended with code {child.returncode}: {printed}")
    lines = [line for line in printed.splitlines() if line.startswith("{")]
    measured = {"cpu": usage.ru_utime + usage.ru_stime, "bytes": float(peak.bytes)}
    return measured | (json.loads(lines[-1]) if lines else {})


def row(
    benchmark: str,
    contender: str,
    quantity: str,
    values: Sequence[float],
    unit: str,
    **more: object,
) -> Row:
    """Make one row of the results: median and range of repeated measurements."""
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
        **{name: version(name) for name in ("spikeconsol", "brian2", "numpy", "scikit-learn")},
    }


def save(rows: Sequence[Row], *, quick: bool) -> Path:
    """Add the results to the history, one file for each run."""
    now = datetime.now(UTC)
    HISTORY.mkdir(exist_ok=True)
    path = HISTORY / f"{now:%Y-%m-%d-%H%M}{'-quick' if quick else ''}.json"
    content = {"date": now.isoformat(timespec="seconds"), "machine": machine(), "rows": rows}
    path.write_text(json.dumps(content, indent=1) + "\n")
    return path


def table(rows: Sequence[Row]) -> str:
    """Format results as a Markdown table."""
    lines = ["| benchmark | N | contender | quantity | median (range) | n |", "|" + "---|" * 6]
    for entry in rows:
        values = [f"{float(entry[name]):.3g}" for name in ("value", "lowest", "highest")]  # type: ignore[arg-type]
        spread = f" ({values[1]}–{values[2]})" if entry["n"] != 1 else ""
        lines.append(
            f"| {entry['benchmark']} | {entry.get('N', '')} | {entry['contender']} "
            f"| {entry['quantity']} | {values[0]}{spread} {entry['unit']} | {entry['n']} |"
        )
    return "\n".join(lines)


PYTHON = sys.executable
