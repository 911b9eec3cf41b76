"""Synapses of a group with itself that are visited only where something happens.

A `brian2.Synapses` visits every synapse of a cell that fires, and every synapse there is when
something is done at the ticks of a clock. `ActivePairs` keeps the variables of the same synapses
and runs the same Brian2 statements, translated by Brian2, at fewer of them:

- coincidences are counted between cells that take part in a presentation, not at all pairs;
- at its end statements run at pairs of which a cell took part. At all others variables may only
  decay, which is made up for, step by step, when a pair is visited next, or when the run ends;
- `transmit` sends a spike along a contiguous row of weights, and none where a cell sends nothing.

It exists in C++ standalone mode only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from brian2 import Clock, NeuronGroup, all_devices, get_device
from brian2.codegen.generators.cpp_generator import CPPCodeGenerator
from brian2.codegen.templates import CodeObjectTemplate
from brian2.core.variables import AuxiliaryVariable, Variables
from brian2.devices.cpp_standalone.codeobject import CPPStandaloneCodeObject
from brian2.groups.group import CodeRunner, Group
from jinja2 import ChoiceLoader, DictLoader

from spikeconsol.brian.active_text import COUNT, TRANSMIT, VISIT

__all__ = ["ActivePairs", "compiled"]


class _Generator(CPPCodeGenerator):
    """Brian2's generator, for indices that a template counts itself: there is nothing to read."""

    def translate_to_read_arrays(self, read: set[str], write: set[str], indices: set[str]) -> Any:
        indices = {
            name for name in indices if not isinstance(self.variables[name], AuxiliaryVariable)
        }
        return super().translate_to_read_arrays(read, write, indices)


class _Templates:
    """Brian2's templates and those of `active_text`."""

    own: ClassVar = {"count": COUNT, "visit": VISIT, "transmit": TRANSMIT}

    def __init__(self, used: str = "") -> None:
        base = CPPStandaloneCodeObject.templater.env
        self.sources = {name: text.replace("USED", used) for name, text in self.own.items()}
        files = {f"{name}.cpp": text for name, text in self.sources.items()}
        self.env = base.overlay(loader=ChoiceLoader([DictLoader(files), base.loader]))

    def __getattr__(self, name: str) -> CodeObjectTemplate:
        if name not in self.sources:
            raise AttributeError(name)
        return CodeObjectTemplate(self.env.get_template(f"{name}.cpp"), self.sources[name])


class _Visiting(CPPStandaloneCodeObject):
    templater = _Templates()
    generator_class = _Generator


class _VisitingListed(_Visiting):
    templater = _Templates("source_cell, target_cell")


class ActivePairs(Group):
    """Variables of the pairs of a group of cells.

    Statements read and write variables of a pair, and of its two cells by the names of `cells`
    with ``_pre`` and ``_post``. Pairs lie in rows, see `spikeconsol.brian.layout.pair_indices`.

    Parameters
    ----------
    cells : brian2.NeuronGroup
    variables : mapping of str to numpy dtype
        Variables of a pair.
    constants : sequence of str
        Names of shared constants that statements read, set when the program runs.
    of_cells : sequence of str
        Variables of the cells that statements read or write.
    layout : mapping
        ``symmetric``, ``tile`` and, for pairs that are listed, ``pairs``, their number.
    delay : int
        Steps after which spikes arrive.
    namespace : mapping
        Functions that statements call.
    name : str
    """

    def __init__(
        self,
        cells: NeuronGroup,
        variables: Mapping[str, Any],
        constants: Sequence[str],
        of_cells: Sequence[str],
        layout: Mapping[str, Any],
        delay: int,
        namespace: Mapping[str, Any],
        name: str,
    ) -> None:
        Group.__init__(self, clock=cells.clock, name=name, namespace=dict(namespace))
        n = len(cells)
        self.add_dependency(cells)
        listed = layout["pairs"] is not None
        count = n * (n - 1) // (2 if layout["symmetric"] else 1)
        count = layout["pairs"] if listed else count
        self.variables = known = Variables(self)
        known.create_clock_variables(cells.clock)
        known.add_constant("N", count)
        known.add_constant("N_pre", n)
        known.add_reference("_spikespace", cells)
        for variable, dtype in variables.items():
            known.add_array(variable, size=count, dtype=dtype)
        for constant in constants:
            known.add_array(constant, size=1, scalar=True, constant=True)
        if listed:
            for variable in ("source_cell", "target_cell"):
                known.add_array(variable, size=count, dtype=np.int32, constant=True)
        for index in ("_presynaptic_idx", "_postsynaptic_idx"):
            known.add_auxiliary_variable(index, dtype=np.int32)
            known[index].unique = True
        for variable in of_cells:
            for side, index in (("pre", "_presynaptic_idx"), ("post", "_postsynaptic_idx")):
                shared = cells.variables[variable].scalar
                known.add_reference(
                    f"{variable}_{side}", cells, variable, index="0" if shared else index
                )
        for index in ("i", "j"):
            known.add_auxiliary_variable(index, dtype=np.int32)
        for truth in ("_sends", "_hears", "_moves"):
            known.add_auxiliary_variable(truth, dtype=bool)
        known.add_auxiliary_variable("c", dtype=variables["w"])
        self._kwds = {
            "n": n,
            "delay": delay,
            "symmetric": layout["symmetric"],
            "tile": layout["tile"],
            "listed": listed,
            "pairs": count,
        }
        self._code = _VisitingListed if listed else _Visiting
        self._enable_group_attributes()

    def count(self, statements: str, *, sends: str, hears: str) -> None:
        """Run statements that change ``c`` between cells that send and cells that hear them.

        Parameters
        ----------
        statements : str
            Where a spike of the presynaptic cell arrives.
        sends, hears : str
            Conditions of the presynaptic and the postsynaptic cell, false if the statements leave
            ``c`` as it is.
        """
        known = self.variables
        known.add_array("slot", size=self._kwds["n"], dtype=np.int32)  # number of a member, from 1
        known.add_dynamic_array("members", size=0, dtype=np.int32)
        known.add_dynamic_array("counts", size=0, dtype=known["c"].dtype)
        blocks = {"sends": f"_sends = {sends}", "hears": f"_hears = {hears}", "count": statements}
        self._run("count", blocks, self.clock, "synapses")

    def visit(self, statements: str, *, moves: str, rest: str, clock: Clock) -> None:
        """Run statements at the ticks of a clock, at pairs of cells that take part in `count`.

        Parameters
        ----------
        statements : str
        moves, rest : str
            What one tick does to every other pair, and whether it changes it. Empty if it never
            does.
        clock : brian2.Clock
        """
        known = self.variables
        # Ticks done, and the one at which a cell took part last.
        known.add_array("presentations", size=1, scalar=True, dtype=np.int32)
        known.add_array("seen", size=self._kwds["n"], dtype=np.int32)
        blocks = {"visit": statements}
        if moves:
            blocks |= {"moves": f"_moves = {moves}", "rest": rest}
        self._run("visit", blocks, clock, "start", fades=bool(moves))

    def transmit(self, statements: str, *, sends: str) -> None:
        """Run statements from cells that send to all others, whose ``w`` is that of the pair."""
        blocks = {"sends": f"_sends = {sends}", "transmit": statements}
        self._run("transmit", blocks, self.clock, "synapses")

    def _run(
        self,
        template: str,
        blocks: dict[str, str],
        clock: Clock,
        when: str,
        **more: Any,
    ) -> None:
        runner = CodeRunner(
            self,
            template,
            code=blocks,
            clock=clock,
            when=when,
            name=f"{self.name}_{template}",
            template_kwds=self._kwds | more,
            codeobj_class=self._code,
        )
        self.contained_objects.append(runner)


def compiled() -> bool:
    """Return whether the network is built for C++ standalone mode."""
    return get_device() is all_devices["cpp_standalone"]
