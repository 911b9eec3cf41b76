"""A stream of tasks in Avalanche: ``python benchmarks/avalanche_stream.py FILE SETTINGS``.

FILE holds the tasks (`benchmarks/continual.py` writes it), SETTINGS is a list in JSON of strategies
with their constants; prints, in JSON, their accuracies on every task so far after every task. The
network, its optimiser and the order of samples are those of this project's `ProtectedNetwork`; the
strategies are Avalanche's, with its defaults. For its replay, Avalanche deals the samples of each
task out in a new order.

Runs with the Python that has Avalanche, which knows nothing of this project.
"""

import json
import sys

import numpy as np
import torch
from avalanche.benchmarks import benchmark_from_datasets
from avalanche.benchmarks.utils import AvalancheDataset, DataAttribute
from avalanche.training import EWC, Naive, Replay, SynapticIntelligence
from torch import nn

WINDOW = 32
STRATEGIES = {
    "naive": Naive,
    "ewc": EWC,
    "si": SynapticIntelligence,
    "replay": Replay,
}


def layers(features, hidden, classes):
    """Return rectified layers, normalised without learned scale, and a readout that starts at 0."""
    parts = []
    for inputs, units in zip((features, *hidden), hidden, strict=False):
        linear = nn.Linear(inputs, units)
        nn.init.normal_(linear.weight, std=inputs**-0.5)
        nn.init.zeros_(linear.bias)
        # Avalanche's SI keeps `flatten()` of the weights from before a step: of contiguous ones, on
        # a CPU, a view that moves with them, so that no importance would be found.
        linear.weight = nn.Parameter(linear.weight.detach().T.contiguous().T)
        parts += [linear, nn.ReLU(), nn.LayerNorm(units, eps=1e-6, elementwise_affine=False)]
    readout = nn.Linear(hidden[-1], classes)
    nn.init.zeros_(readout.weight)
    nn.init.zeros_(readout.bias)
    readout.weight = nn.Parameter(readout.weight.detach().T.contiguous().T)
    return nn.Sequential(*parts, readout)


def as_dataset(X, y):
    X, y = torch.from_numpy(X), torch.from_numpy(y)
    return AvalancheDataset(
        [torch.utils.data.TensorDataset(X, y)],
        data_attributes=[
            DataAttribute(y.tolist(), "targets"),
            DataAttribute([0] * len(y), "targets_task_labels", use_in_getitem=True),
        ],
    )


def learn(stored, *, strategy, seed, learning_rate=1e-3, readout_learning_rate=3e-3, **constants):
    torch.manual_seed(seed)
    tasks = range(int(stored["tasks"]))
    model = layers(stored["X0"].shape[1], stored["hidden"].tolist(), int(stored["classes"]))
    groups = [
        {"params": model[:-1].parameters(), "lr": learning_rate},
        {"params": model[-1].parameters(), "lr": readout_learning_rate},
    ]
    learner = STRATEGIES[strategy](
        model=model,
        optimizer=torch.optim.Adam(groups, betas=(0.9, 0.99)),
        criterion=nn.CrossEntropyLoss(),
        train_mb_size=WINDOW,
        train_epochs=1,
        evaluator=None,
        **constants,
    )
    stream = benchmark_from_datasets(
        train=[as_dataset(stored[f"X{k}"], stored[f"y{k}"]) for k in tasks]
    )
    course = []
    for k, experience in enumerate(stream.train_stream):
        learner.train(experience, shuffle=strategy == "replay")
        course.append([accuracy(model, stored, then) for then in range(k + 1)])
    return course


def accuracy(model, stored, task):
    model.eval()
    with torch.no_grad():
        answers = model(torch.from_numpy(stored[f"X_test{task}"])).argmax(dim=1).numpy()
    return float(np.mean(answers == stored[f"y_test{task}"]))


if __name__ == "__main__":
    torch.set_num_threads(1)
    tasks_of_file = dict(np.load(sys.argv[1]))
    courses = [learn(tasks_of_file, **settings) for settings in json.loads(sys.argv[2])]
    print(json.dumps({"courses": courses}))
