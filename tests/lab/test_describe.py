import re

import pytest

from spikeconsol.brian.backend import Program
from spikeconsol.brian.describe import describe
from spikeconsol.lab.describe import model_table
from spikeconsol.lab.experiment import find_experiment


@pytest.fixture(scope="module")
def memory():
    experiment = find_experiment("sequential-memory")
    parameters = experiment.parameters().with_settings({"units": 40, "spiking.cells.noise": 0.2})
    return experiment, parameters


def test_a_network_is_described_from_itself():
    program = Program("tiny", "spikeconsol.brian.build:tiny", {"dt": 1e-3}, (), ())
    sections = {section.title: section.rows for section in describe(program)}
    assert ("Time step", "1 ms") in sections["Model summary"]
    ((name, _, _),) = sections["Populations"]
    assert name == "cells"


def test_the_table_has_every_part_and_the_parameters_in_force(memory):
    experiment, parameters = memory
    condition = experiment.condition("spiking-curvature-gate", parameters)
    text = model_table(experiment, parameters, condition, "markdown")
    assert re.findall(r"^## (.*)", text, re.MULTILINE) == [
        "Model summary",
        "Populations",
        "Connectivity",
        "Neuron models",
        "Synapse models",
        "Plasticity and other updates",
        "Input",
        "Measurements",
        "Parameters",
    ]
    assert "| pairs | cells | cells | 780 | 1 ms |" in text  # 40 * 39 / 2
    assert "`dv/dt = awake*(current - v)/membrane_time`" in text
    assert "`w += gate*(potentiation*A*(1 - w) - depression*M*w)`" in text
    assert "| spiking.cells.noise | 0.2 |  |" in text
    assert "| spiking.cells.membrane_time | 0.01 | second | membrane time constant |" in text


def test_latex_typesets_equations_and_escapes_text(memory):
    experiment, parameters = memory
    condition = experiment.condition("spiking-curvature-gate", parameters)
    text = model_table(experiment, parameters, condition, "latex")
    assert r"$\displaystyle \frac{d g}{dt} = - \frac{g}{\mathrm{synaptic\_time}}$" in text
    assert text.count(r"\begin{longtable}") == text.count(r"\end{longtable}") == 9
    plain = re.sub(r"\$[^$]*\$|\\_|^%.*$", "", text, flags=re.MULTILINE)
    assert not re.search(r"(?<!\\)[_^#%]", plain.replace("\\^{}", ""))
    depth = 0
    for brace in re.findall(r"(?<!\\)[{}]", text):
        depth += 1 if brace == "{" else -1
        assert depth >= 0
    assert depth == 0


def test_a_model_without_spikes_is_described_by_its_parameters(cli, toy):
    ran = cli("describe", f"{toy}/lines", "--set", "points=7")
    assert ran.returncode == 0
    assert "| points | 7 |  | points of the line |" in ran.stdout
    refused = cli("describe", f"{toy}/lines", "--condition", "spiking-steep")
    assert refused.returncode == 2
    assert refused.stderr == (
        "error: condition: got 'spiking-steep'; toy/lines has no spiking network\n"
    )
