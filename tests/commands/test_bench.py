"""The tables of `bench`: a number under every head, whatever the clock says."""

import re

import pytest

from minilm import bench
from minilm.__main__ import main
from minilm.commands import bench as command

SIZE = bench.SIZES["zoo"]


def read_numbers(line):
    """The numbers of a line after its name."""
    return [float(word.replace(",", "")) for word in re.findall(r"[\d.,]+", line[6:])]


def test_a_line_has_what_its_head_says():
    masked, text, fast, *times, rate, ratio, per_token = read_numbers(command.measure_step("zoo", SIZE, 0))
    assert masked == 90 and text > fast > 0 and len(times) == 3
    assert min(*times, rate, ratio, per_token) >= 0
    assert len(read_numbers(command.measure_kernels("zoo", SIZE, 0))) == len(bench.fast.KERNELS) + 2
    assert len(read_numbers(command.measure_use("zoo", SIZE))) == 2
    assert len(read_numbers(command.measure_two("zoo", SIZE, 0))) == 3
    assert command.time_gradient_check().startswith("gradient check of zoo, 20,768 numbers: ")


@pytest.mark.parametrize(
    ("options", "n_lines", "first"),
    [
        ([], [12, 3, 3, 1], "zoo"),
        (["--sizes", "L", "S"], [8, 2, 2], "L"),
        (["--kernels", "--sizes", "M"], [1], "M"),
        (["--growth"], [8], "T 16"),
    ],
)
def test_options_choose_the_tables(monkeypatch, capsys, options, n_lines, first):
    def measure(function, jobs, workers):
        assert workers == 1  # a fresh process with one BLAS thread
        return {jobs[0]: 1e11 if function is bench.measure_rate else f"{jobs[0][:1]} measured"}

    monkeypatch.setattr(command.processes, "run_all", measure)
    assert main(["bench", *options]) == 0
    head, *tables = capsys.readouterr().out.split("\n\n")
    assert "product rate here: 100 GFLOP/s" in head
    assert [table.count(" measured") for table in tables] == n_lines and f"\n('{first}',) measured" in tables[
        0
    ]
