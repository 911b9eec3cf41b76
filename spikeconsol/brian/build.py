"""Build one program in Brian2's C++ standalone mode: ``python -m spikeconsol.brian.build FOLDER``.

Runs as a process of its own, so that nothing of the caller's Brian2 state is touched. The order
comes in as JSON on standard input; the folder receives the binary and ``manifest.json``, which
tells how to set its inputs and where it writes its outputs.
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import brian2
import numpy as np
from brian2 import Function, NeuronGroup
from brian2.codegen.cpp_prefs import get_compiler_and_args

from spikeconsol.brian import guard, noise
from spikeconsol.brian.backend import Built, Program, explain

#: Included first: std::clock, which some versions' time loop calls in every step, is a system call.
PREAMBLE = """
#include <ctime>
#if defined(__linux__) && defined(CLOCK_MONOTONIC_COARSE)
extern "C" inline clock_t clock() noexcept {
    timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (clock_t)now.tv_sec * CLOCKS_PER_SEC + now.tv_nsec / (1000000000L / CLOCKS_PER_SEC);
}
#endif
"""

#: What runs once, before and after the time loop: optimising it would take longer than running it.
ONCE = ("main.cpp", "objects.cpp", "run.cpp", "code_objects/before_run_*.cpp")

#: GCC gives up on loops over many arrays that it cannot prove to be different ones.
VECTORISE = ("--param=vect-max-version-for-alias-checks=1000",)


def main(folder: Path) -> None:
    """Build the program ordered on standard input into `folder`."""
    order = json.load(sys.stdin)
    program = Program(
        name=order["name"],
        builder=order["builder"],
        structure=order["structure"],
        inputs=tuple(order["inputs"]),
        outputs=tuple(order["outputs"]),
    )
    # A program depends on its structure only, not on preference files of the user or the folder.
    brian2.prefs.reset_to_defaults()
    brian2.prefs.core.stop_on_keyboard_interrupt = False  # Ctrl-C must not look like an end
    brian2.set_device("cpp_standalone", build_on_run=False)
    try:
        built = program.load_builder()(program.structure)
        _add_ending(built)
        # Before the queues of spikes are made from them: delays and connections may be inputs too.
        brian2.device.apply_run_args()
        if built.finish is not None:
            built.finish()
        # The run ends when `ending` says so; this is only a bound that no run reaches.
        built.network.run(1e6 * brian2.second, namespace={})
    except Exception as error:
        sys.exit(explain(error))
    brian2.device.build(directory=str(folder), compile=False, run=False, with_output=False)
    objects = folder / "objects.cpp"
    objects.write_text(guard.checked_writing(objects.read_text()))
    (folder / "support.h").write_text(guard.SUPPORT)
    flags = _compile(folder, order["compiler"])
    _write_manifest(folder, built, program, flags)


def _add_ending(built: Built) -> None:
    """Let the number of steps be a run-time value: the duration of a run is compiled in."""
    end_run = Function(lambda step, last: 0, arg_units=[1, 1], return_unit=1, stateless=False)
    end_run.implementations.add_implementation(
        "cpp",
        """
        static inline double spikeconsol_end_run(int64_t step, int64_t last) {
            if (step >= last) Network::_globally_stopped = true;
            if (!(step & 1023)) spikeconsol_tell(step);
            return 0.0;
        }
        """,
        name="spikeconsol_end_run",
        compiler_kwds={"headers": ['"network.h"']},
    )
    ending = NeuronGroup(
        1,
        "last_step : integer (shared, constant)\nended : 1 (shared)",
        clock=built.clock,
        namespace={"end_run": end_run},
        name="ending",
    )
    ending.run_regularly(
        "ended = end_run(t_in_timesteps, last_step)",
        clock=built.clock,
        when="end",
        order=1000,
        name="ending_check",
    )
    built.network.add(ending)


def _compile(folder: Path, compiler: Sequence[str]) -> str:
    """Compile in two parts, side by side: in some 35 files, most of the time goes to headers."""
    once = {path for pattern in ONCE for path in folder.glob(pattern)}
    loop = {*folder.rglob("*.cpp")} - once
    flags = [*shlex.split(" ".join(get_compiler_and_args()[1])), *VECTORISE]
    parts = [("once", once, ["-Og"]), ("loop", loop, [])]
    compiling = []
    for name, sources, level in parts:
        support = ['#include "support.h"'] if name == "once" else []
        (folder / f"{name}.cpp").write_text("\n".join([*support, _joined(folder, sources)]))
        compiling.append(_start(folder, [*compiler, *flags, *level, "-I.", "-c", f"{name}.cpp"]))
    _finish(*compiling)
    # Linked so, the program flushes denormal numbers to zero: decaying traces of silent cells would
    # otherwise slow it down manyfold.
    _finish(_start(folder, [*compiler, "-ffast-math", "once.o", "loop.o", "-o", "main"]))
    for name, *_ in parts:
        (folder / f"{name}.o").unlink()
    return " ".join([*compiler, *flags])


def _joined(folder: Path, sources: set[Path]) -> str:
    """Return the text of a file that includes all sources.

    All code objects define the same helpers: each gets a namespace and its macros end with it. What
    it includes itself has to come before, outside of any namespace.
    """
    headers: dict[str, None] = {}
    bodies = []
    for path in sorted(sources):
        body = f'#include "{path.relative_to(folder).as_posix()}"\n'
        if path.parent.name == "code_objects":
            text, declarations = path.read_text(), path.with_suffix(".h").read_text()
            headers |= dict.fromkeys(re.findall(r"^\s*(#include.*)", text, re.MULTILINE))
            # Unnamed around it, so that the compiler may move the function to where it is called.
            body = f"namespace {{ namespace {path.stem} {{\n{body}}} }}\n"
            for macro in re.findall(r"^\s*#define (\w+)", text, re.MULTILINE):
                body += f"#undef {macro}\n"
            for name in re.findall(r"^void (\w+)\(\);", declarations, re.MULTILINE):
                body += f"void {name}() {{ {path.stem}::{name}(); }}\n"
        bodies.append(body)
    return "\n".join([PREAMBLE, guard.TELL, *headers, *bodies])


def _start(folder: Path, command: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def _finish(*processes: subprocess.Popen[str]) -> None:
    """Wait for all processes; if one failed, end with its first errors."""
    printed = [process.communicate()[0] for process in processes]
    for process, output in zip(processes, printed, strict=True):
        if process.returncode:
            lines = output.strip().splitlines()
            errors = [line for line in lines if "error" in line.lower()] or lines
            sys.exit("\n".join(errors[:3]))


def _write_manifest(folder: Path, built: Built, program: Program, flags: str) -> None:
    """Run one step, to see that the binary works and how large its arrays are."""
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        command = [str(folder / "main"), "--results_dir", f"{scratch}/", "ending.last_step=0"]
        process = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        if process.returncode:
            sys.exit(f"the binary ended with code {process.returncode}: {process.stderr}")
        said = [line.split() for line in process.stdout.splitlines()]
        wrote = {Path(line[1]).name for line in said if line[:1] == [guard.WROTE]}
        sizes = {path.name: path.stat().st_size for path in Path(scratch).iterdir()}
        if wrote != set(sizes):
            sys.exit(f"the binary wrote {sorted(set(sizes) - wrote)} without saying so")

    def array(name: str) -> tuple[str, np.dtype[Any]]:
        owner, _, variable = name.partition(".")
        entry = built.network[owner].variables[variable]
        return brian2.device.get_array_filename(entry), np.dtype(entry.dtype)

    inputs: dict[str, Mapping[str, Any]] = {}
    for name in program.inputs:
        if name in built.timed_arrays:
            timed = built.timed_arrays[name]
            dtype, size, name_in_binary = (
                timed.values.dtype,
                timed.values.size,
                f"{timed.name}.values",
            )
        else:
            file, dtype = array(name)
            size, name_in_binary = sizes[file] // dtype.itemsize, name
        inputs[name] = {"name": name_in_binary, "dtype": dtype.str, "size": size}
    outputs = {name: (array(name)[0], array(name)[1].str) for name in program.outputs}
    manifest = {
        "program": program.name,
        "structure": dict(program.structure),
        "brian2": brian2.__version__,
        "flags": flags,
        "inputs": inputs,
        "outputs": outputs,
        "files": sizes,
    }
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1))


def tiny(structure: Mapping[str, Any]) -> Built:
    """Build the network that `doctor` runs: ten cells that copy noise."""
    clock = brian2.Clock(structure["dt"] * brian2.second, name="step")
    cells = NeuronGroup(
        10,
        "x : 1\nnoise_seed : integer (shared, constant)",
        clock=clock,
        namespace=noise.functions(),
        name="cells",
    )
    cells.run_regularly(
        "x = normal(noise_seed, 1, t_in_timesteps, i)",
        clock=clock,
        name="cells_noise",
    )
    return Built(brian2.Network(cells), clock)
