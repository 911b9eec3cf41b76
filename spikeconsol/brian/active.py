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

__all__ = ["ActivePairs", "compiled"]

#: Spikes of all cells, `delay` steps after they were fired.
ARRIVALS = """
    static std::vector<std::vector<int32_t>> travelling({{delay}} + 1);
    static size_t step = 0;
    const int32_t fired = {{_spikespace}}[{{n}}];
    travelling[step % ({{delay}} + 1)].assign({{_spikespace}}, {{_spikespace}} + fired);
    const std::vector<int32_t> &arrived = travelling[++step % ({{delay}} + 1)];
"""

COUNT = f"""
{{# USES_VARIABLES {{ _spikespace, slot, members, counts }} #}}
{{% extends 'common_group.cpp' %}}
{{% block maincode %}}
    const size_t _vectorisation_idx = -1, _idx = 0;
    {ARRIVALS}
    static std::vector<int32_t> senders;
    senders.clear();
    for (const int32_t i : arrived) {{
        const int32_t _presynaptic_idx = i;
        {{{{scalar_code['sends']|autoindent}}}}
        {{{{vector_code['sends']|autoindent}}}}
        if (_sends) senders.push_back(i);
    }}
    const auto join = [&](const int32_t i) {{
        if ({{{{slot}}}}[i]) return;
        {{# Row of a triangle: no count has to move. #}}
        {{{{_dynamic_counts}}}}.resize({{{{_dynamic_counts}}}}.size() + {{{{_dynamic_members}}}}.size());
        {{{{_dynamic_members}}}}.push_back(i);
        {{{{slot}}}}[i] = {{{{_dynamic_members}}}}.size();
    }};
    if (!senders.empty()) {{
        for (const int32_t i : senders) join(i);
        {{{{scalar_code['hears']|autoindent}}}}
        for (int32_t j = 0; j < {{{{n}}}}; j++) {{
            const int32_t _postsynaptic_idx = j;
            {{{{vector_code['hears']|autoindent}}}}
            if (_hears) join(j);
        }}
    }}
    for (const int32_t i : senders) {{
        auto *counts = {{{{_dynamic_counts}}}}.data();
        const auto *members = {{{{_dynamic_members}}}}.data();
        const size_t own = {{{{slot}}}}[i] - 1, all = {{{{_dynamic_members}}}}.size();
        const int32_t _presynaptic_idx = i;
        {{{{scalar_code['count']|autoindent}}}}
        for (size_t other = 0; other < own; other++) {{
            auto &c = counts[own*(own - 1)/2 + other];
            const int32_t _postsynaptic_idx = members[other];
            {{{{vector_code['count']|autoindent}}}}
        }}
        for (size_t other = own + 1; other < all; other++) {{
            auto &c = counts[other*(other - 1)/2 + own];
            const int32_t _postsynaptic_idx = members[other];
            {{{{vector_code['count']|autoindent}}}}
        }}
    }}
{{% endblock %}}
"""  # noqa: E501

#: Loops over pairs of row `i`: all of them, or those whose other cell took part.
ROWS = """
{% macro pair(body) %}
    {
        const int32_t _presynaptic_idx = i, _postsynaptic_idx = j;
        {{body}}
    }
{% endmacro %}
{% macro whole_row(body) %}
    {% if listed %}
    for (size_t _idx = first[i]; _idx < first[i + 1]; _idx++) {
        const int32_t j = {{target_cell}}[_idx];
        {{pair(body)}}
    }
    {% else %}
    {% if not symmetric %}
    for (int32_t j = 0; j < i; j++) {
        const size_t _idx = (size_t)i*{{n - 1}} + j;
        {{pair(body)}}
    }
    {% endif %}
    {
        const size_t before = {{"(size_t)i*(2*%d - i - 1)/2 - i - 1" % n if symmetric
            else "(size_t)i*%d - 1" % (n - 1)}};
        for (int32_t j = i + 1; j < {{n}}; j++) {
            const size_t _idx = before + j;
            {{pair(body)}}
        }
    }
    {% endif %}
{% endmacro %}
{% macro members_in_row(body) %}
    {% if listed %}
    for (size_t _idx = first[i]; _idx < first[i + 1]; _idx++) {
        const int32_t j = {{target_cell}}[_idx];
        if (!{{slot}}[j]) continue;
        {{pair(body)}}
    }
    {% else %}
    {
        const size_t before = {{"(size_t)i*(2*%d - i - 1)/2 - i - 1" % n if symmetric
            else "(size_t)i*%d - 1" % (n - 1)}};
        for (const int32_t j : sorted) {
            {% if symmetric %}
            if (j < i) continue;
            const size_t _idx = before + j;
            {% else %}
            const size_t _idx = before + j + (j < i);
            {% endif %}
            {{pair(body)}}
        }
    }
    {% endif %}
{% endmacro %}
{% set start_of_rows %}
    {% if listed %}
    static std::vector<size_t> first;
    if (first.empty()) {
        first.resize({{n + 1}});
        for (size_t k = 0; k < {{pairs}}; k++) first[{{source_cell}}[k] + 1]++;
        for (int32_t i = 0; i < {{n}}; i++) first[i + 1] += first[i];
    }
    {% endif %}
{% endset %}
{% if fades %}
{% set catch_up %}
    int32_t missed = now - std::max({{seen}}[i], {{seen}}[j]);
    if (missed > 0) {
        {{vector_code['moves']|autoindent}}
        if (_moves) while (missed--) {
            {{vector_code['rest']|autoindent}}
        }
    }
{% endset %}
{% endif %}
"""

VISIT = (
    """
{# USES_VARIABLES { slot, members, counts, seen, presentations, t_in_timesteps, USED } #}
{% extends 'common_group.cpp' %}
{% block maincode %}
"""
    + ROWS
    + """
    {% set visited %}
    {{vector_code['visit']|autoindent}}
    {% endset %}
    // What ends at the very start is no presentation.
    if ({{t_in_timesteps}} == 0) return;
    const size_t _vectorisation_idx = -1;
    const int32_t now = {{presentations}};
    {{start_of_rows}}
    std::vector<int32_t> sorted({{_dynamic_members}}.begin(), {{_dynamic_members}}.end());
    std::sort(sorted.begin(), sorted.end());
    const auto *counts = {{_dynamic_counts}}.data();
    static std::vector<{{c_data_type(variables['c'].dtype)}}> met({{n}});
    for (int32_t i = 0; !sorted.empty() && i < {{n}}; i++) {
        const bool member = {{slot}}[i];
        {% if fades %}
        {
            {{scalar_code['moves']|autoindent}}
            {
            {{scalar_code['rest']|autoindent}}
            if (member) { {{whole_row(catch_up)}} }
            else { {{members_in_row(catch_up)}} }
            }
        }
        {% endif %}
        {{scalar_code['visit']|autoindent}}
        if (member) {
            const size_t own = {{slot}}[i] - 1;
            for (const int32_t j : sorted) {
                const size_t other = {{slot}}[j] - 1;
                if (other < own) met[j] = counts[own*(own - 1)/2 + other];
                if (other > own) met[j] = counts[other*(other - 1)/2 + own];
            }
            {{whole_row("const auto c = met[j];\\n" ~ visited)}}
            for (const int32_t j : sorted) met[j] = 0;
        } else {
            const {{c_data_type(variables['c'].dtype)}} c = 0;
            {{members_in_row(visited)}}
        }
    }
    {{presentations}} = now + 1;
    for (const int32_t i : sorted) {
        {{slot}}[i] = 0;
        {{seen}}[i] = now + 1;
    }
    {{_dynamic_members}}.clear();
    {{_dynamic_counts}}.clear();
{% endblock %}
{% block after_code %}
    {% if fades %}
"""
    + ROWS
    + """
    const size_t _vectorisation_idx = -1;
    const int32_t now = {{presentations}};
    {{start_of_rows}}
    {{scalar_code['moves']|autoindent}}
    {
    {{scalar_code['rest']|autoindent}}
    for (int32_t i = 0; i < {{n}}; i++) { {{whole_row(catch_up)}} }
    }
    {% else %}
    // EMPTY_CODE_BLOCK
    {% endif %}
{% endblock %}
"""
)

#: Rows of the weights, each gathered when its cell sends for the first time.
TRANSMIT = f"""
{{# USES_VARIABLES {{ _spikespace, w }} #}}
{{% extends 'common_group.cpp' %}}
{{% block maincode %}}
    const size_t _vectorisation_idx = -1;
    {ARRIVALS}
    typedef {{{{c_data_type(variables['w'].dtype)}}}} weight;
    static std::vector<std::vector<weight>> rows({{{{n}}}});
    const auto pair = [](const size_t i, const size_t j) -> size_t {{
        const size_t first = i - i % {{{{tile}}}};
        const size_t high = std::min<size_t>({{{{tile}}}}, {{{{n}}}} - first);
        {{% if symmetric %}}
        const size_t across = j - first, row = i - first;
        return first*(2*{{{{n}}}} - first - 1)/2 + row
            + (across < high ? across*(across - 1)/2 : high*(high - 1)/2 + high*(across - high));
        {{% else %}}
        const size_t gone = j < first ? 0 : std::min(j - first, high);
        return first*{{{{n - 1}}}} + high*j - gone + (i - first)
            - (j >= first && j < first + high && i > j);
        {{% endif %}}
    }};
    for (const int32_t i : arrived) {{
        const int32_t _presynaptic_idx = i;
        {{
            const size_t _idx = 0;
            {{{{scalar_code['sends']|autoindent}}}}
            {{{{vector_code['sends']|autoindent}}}}
            if (!_sends) continue;
        }}
        std::vector<weight> &row = rows[i];
        if (row.empty()) {{
            row.resize({{{{n}}}});
            for (int32_t j = 0; j < {{{{n}}}}; j++)
                if (j != i) row[j] = {{{{w}}}}[{{{{"j < i ? pair(j, i) : " if symmetric}}}}pair(i, j)];
        }}
        const weight *{{{{w}}}} = row.data();
        {{{{scalar_code['transmit']|autoindent}}}}
        for (int32_t j = 0; j < {{{{n}}}}; j++) {{
            const size_t _idx = j;
            const int32_t _postsynaptic_idx = j;
            {{{{vector_code['transmit']|autoindent}}}}
        }}
    }}
{{% endblock %}}
"""  # noqa: E501


class _Generator(CPPCodeGenerator):
    """Brian2's generator, for indices that a template counts itself: there is nothing to read."""

    def translate_to_read_arrays(self, read: set[str], write: set[str], indices: set[str]) -> Any:
        indices = {
            name for name in indices if not isinstance(self.variables[name], AuxiliaryVariable)
        }
        return super().translate_to_read_arrays(read, write, indices)


class _Templates:
    """Brian2's templates and those of this module."""

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
