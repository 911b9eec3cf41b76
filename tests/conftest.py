"""Fixtures for all tests."""

import functools
import gc
import os
import sys

import pytest
from hypothesis import HealthCheck, settings

# Before NumPy comes: workers of the suite share the cores, and threads would wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

# How fast examples are made says something about the machine's load, not about the code.
settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("suite")


def pytest_collection_modifyitems(items):
    """Refuse names that differ from worker to worker."""
    for item in items:
        if " at 0x" in item.nodeid:
            raise pytest.UsageError(f"{item.nodeid}: has an address in its name; give it ids")


def pytest_collection_finish():
    """Keep what is imported out of the garbage collection that Brian2 asks for at every run."""
    gc.collect()
    gc.freeze()


@functools.cache
def quicker_brian2():
    """Halve what it takes to build a network on Brian2's numpy target, most of it for two things.

    Keys of Brian2's caches are made of all that every variable has; here they are the same keys,
    without asking strings, numbers and types for what they might be. And no garbage is collected
    for the sake of a warning about objects that are in no network.
    """
    import brian2
    from brian2.utils import caching

    if "logging.warn_for_unused_objects" in brian2.prefs:  # new in Brian2 2.10
        brian2.prefs["logging.warn_for_unused_objects"] = False
    made = getattr(caching, "_hashable", None)
    if made is None:  # another Brian2: as fast as it is
        return
    leaves, names = {str, int, float, bool, type(None)}, {}

    def hashable(obj):
        kind = type(obj)
        if kind in leaves or (kind is type and issubclass(obj, np.generic)):
            return obj
        if kind is dict:
            return frozenset([(hashable(key), hashable(value)) for key, value in obj.items()])
        if kind in (tuple, list):
            return tuple([hashable(value) for value in obj])
        if getattr(kind, "_state_tuple", None) is caching.CacheKey._state_tuple:
            own = vars(obj)
            relevant = names.get((kind, *own))
            if relevant is None:
                relevant = sorted({*own} - obj._cache_irrelevant_attributes)
                names[kind, *own] = relevant
            return tuple([hashable(own[name]) for name in relevant])
        found = made(obj)
        if found is obj and kind is not type:
            leaves.add(kind)
        return found

    caching._hashable = hashable


@pytest.fixture(scope="session", autouse=True)
def no_waiting_for_the_disk():
    """Leave files where the system has them: a power cut does not happen here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        yield


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory):
    """Compile into a folder of this session, shared by its workers, unless one is given."""
    if "SPIKECONSOL_CACHE" in os.environ:
        yield os.environ["SPIKECONSOL_CACHE"]
        return
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "programs"
    os.environ["SPIKECONSOL_CACHE"] = str(folder)
    yield str(folder)
    del os.environ["SPIKECONSOL_CACHE"]


def _global_state():
    """Everything that a test must leave as it found it, as comparable text."""
    kind, keys, position, _, gauss = np.random.get_state()  # noqa: NPY002
    state = {
        "numpy's global random state": repr((kind, hash(keys.tobytes()), position, gauss)),
        "numpy's floating-point error handling": repr(np.geterr()),
    }
    if "matplotlib" in sys.modules:
        settings = dict.copy(sys.modules["matplotlib"].rcParams)
        settings.pop("backend", None)  # settled when it is first asked for
        state["matplotlib's rcParams"] = repr(settings)
    if "brian2" in sys.modules:
        brian2 = sys.modules["brian2"]
        state["Brian2's device"] = type(brian2.get_device()).__name__
        for name, value in dict(brian2.prefs).items():
            if name == "codegen.cpp.include_dirs":  # Brian2 fills it in when it first compiles
                continue
            state[f"Brian2's preference {name}"] = repr(value)
    return state


@pytest.fixture(autouse=True)
def unchanged_global_state():
    """Fail any test that changes global state which other tests depend on."""
    if "brian2" in sys.modules:
        quicker_brian2()
    before = _global_state()
    yield
    after = _global_state()
    changed = [name for name in before if before[name] != after.get(name)]
    assert not changed, f"this test changed {', '.join(changed)}"
