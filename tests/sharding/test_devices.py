"""Sharded functions give what their twins give, on any mesh and on two processes."""

import json

import pytest

from tests.sharding import cases, processes
from tests.sharding.processes import joined

CASES = cases.cases()
QUICK = [name for name, case in CASES.items() if not case.is_slow]
SLOPES = [name for name, case in CASES.items() if case.wrt is not None]
# What two processes are held to by default: each way of exchange once.
EXCHANGED = [
    "gaussian_pairwise",
    "neighbors_entropy",
    "transfer_entropy_pairwise",
    "fuse",
    "map",
]

pytestmark = pytest.mark.multidevice


def start(num_devices, *arguments):
    return processes.start(num_devices, "-m", "tests.sharding.compare", *arguments)


def compared(folder, precision, names, slopes, sizes):
    output = folder / f"{precision}.json"
    lists = map(joined, (names, slopes, sizes))
    processes.finish(start(8, output, precision, *lists))
    return json.loads(output.read_text())


def assert_equal(name, gaps, precision):
    case = CASES[name]
    bound = case.single if precision == "float32" else 1e-12
    bound = 0 if case.is_exact else bound
    assert gaps
    for where, gap in gaps.items():
        assert gap <= bound, f"{name}, {where}"


@pytest.fixture(scope="module")
def on_eight_devices(tmp_path_factory):
    folder = tmp_path_factory.mktemp("devices")
    return compared(folder, "float64", QUICK, ["gaussian_pairwise", "em"], [8])


@pytest.mark.parametrize("name", QUICK)
def test_eight_devices_give_what_one_gives(on_eight_devices, name):
    assert_equal(name, on_eight_devices[name], "float64")


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_any_number_of_devices_gives_what_one_gives(tmp_path, precision):
    found = compared(tmp_path, precision, CASES, SLOPES, [1, 2, 3, 8])
    for name, gaps in found.items():
        assert_equal(name, gaps, precision)


def on_two_processes(folder, names, slopes):
    address = processes.free_address()
    outputs = [folder / f"{index}.json" for index in range(2)]
    lists = [joined(entries) for entries in (names, slopes, [4])]
    processes.finish(
        *(
            start(2, output, "float32", *lists, f"{address},2,{index}")
            for index, output in enumerate(outputs)
        )
    )
    for output in outputs:
        for name, gaps in json.loads(output.read_text()).items():
            assert_equal(name, gaps, "float32")


def test_two_processes_give_what_one_gives(tmp_path):
    # A derivative closes over the arguments that it is not of.
    on_two_processes(tmp_path, EXCHANGED, ["gaussian_pairwise"])


@pytest.mark.slow
def test_two_processes_give_what_one_gives_in_all_functions(tmp_path):
    on_two_processes(tmp_path, CASES, SLOPES)
