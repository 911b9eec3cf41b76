import re
import shutil
import subprocess

import pytest

from spikeconsol.brian.backend import Program
from spikeconsol.brian.describe import describe
from spikeconsol.lab.catalogue import find_experiment
from spikeconsol.lab.describe import model_table
from spikeconsol.lab.latex import formula


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
    sections = (
        "Model summary",
        "Populations",
        "Connectivity",
        "Neuron models",
        "Synapse models",
        "Plasticity and other updates",
        "Input",
        "Measurements",
    )
    assert re.findall(r"^## (.*)", text, re.MULTILINE) == [
        *(
            f"{title}: {phase}"
            for phase in ("spiking-memory", "spiking-recall")
            for title in sections
        ),
        "Parameters",
    ]
    assert "| pairs | cells | cells | 780 | 1 ms |" in text  # 40 * 39 / 2
    assert "`dv/dt = awake*(current - v)/membrane_time`" in text
    assert "`w += gate*(potentiation*A*clip(ceiling - w, 0, 1) - depression*M*w)`" in text
    assert "| spiking.cells.noise | 0.2 |  |" in text
    assert "| spiking.cells.synaptic_time | 0.02 | second | decay of recurrent excitation |" in text


@pytest.mark.parametrize(
    ("line", "typeset"),
    [
        ("dv/dt = -v/tau", r"\frac{d\,v}{dt} = \frac{- v}{\mathrm{tau}}"),
        ("w = a*(1 - b)*(c - (d - x))", r"w = a \cdot (1 - b) \cdot (c - (d - x))"),
        ("m_post += 2*b**2", r"\mathrm{m\_post} \mathrel{{+}{=}} 2 \cdot {b}^{2}"),
        ("v > 1 and not r", r"v > 1 \wedge \neg r"),
        ("u = clip(sqrt(x), 0, 1)", r"u = \mathrm{clip}(\sqrt{x},\allowbreak 0,\allowbreak 1)"),
    ],
)
def test_equations_are_typeset_in_their_own_order(line, typeset):
    assert formula(line) == rf"$\displaystyle {typeset}$"


def test_what_is_no_equation_is_text():
    assert formula("given: a_b, 50% & <c>") == (
        r"given: a\_\allowbreak{}b, 50\% \& \textless{}c\textgreater{}"
    )


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no pdflatex")
def test_latex_compiles_and_fits_on_the_page(memory, tmp_path):
    experiment, parameters = memory
    condition = experiment.condition("spiking-curvature-gate", parameters)
    text = model_table(experiment, parameters, condition, "latex")
    (tmp_path / "model.tex").write_text(
        r"\documentclass{article}\usepackage{amsmath,array,booktabs,longtable}"
        rf"\begin{{document}}{text}\end{{document}}"
    )
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "model.tex"]
    made = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, errors="replace")
    assert made.returncode == 0, made.stdout[-2000:]
    assert "Overfull" not in made.stdout
    assert text.count(r"\begin{longtable}") == 9


def test_a_model_without_spikes_is_described_by_its_parameters(cli, toy):
    ran = cli("describe", f"{toy}/lines", "--set", "points=7")
    assert ran.returncode == 0
    assert "| points | 7 |  | points of the line |" in ran.stdout
    refused = cli("describe", f"{toy}/lines", "--condition", "spiking-steep")
    assert refused.returncode == 2
    assert refused.stderr == (
        "error: condition: got 'spiking-steep'; toy/lines has no spiking network\n"
    )
