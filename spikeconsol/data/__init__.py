"""Patterns and data sets: random patterns, patterns from files, cues, digit images."""

from spikeconsol.data.files import load_patterns
from spikeconsol.data.images import as_pixels, load_images, load_task, read_idx
from spikeconsol.data.omniglot import load_omniglot
from spikeconsol.data.patterns import (
    binarised_digits,
    check_patterns,
    correlated_patterns,
    corrupt,
    sparse_patterns,
)
from spikeconsol.data.photographs import load_cifar10, load_photographs
from spikeconsol.data.streams import nback_stream, stay_stream
from spikeconsol.data.task_streams import (
    Task,
    TaskStream,
    accuracy_course,
    course_summary,
    task_stream,
)
from spikeconsol.data.tasks import Split, digits_task, linear_task, xor_task

__all__ = [
    "Split",
    "Task",
    "TaskStream",
    "accuracy_course",
    "as_pixels",
    "binarised_digits",
    "check_patterns",
    "correlated_patterns",
    "corrupt",
    "course_summary",
    "digits_task",
    "linear_task",
    "load_cifar10",
    "load_images",
    "load_omniglot",
    "load_patterns",
    "load_photographs",
    "load_task",
    "nback_stream",
    "read_idx",
    "sparse_patterns",
    "stay_stream",
    "task_stream",
    "xor_task",
]
