"""What an import costs."""

import subprocess
import sys


def test_import_costs_nothing_beyond_numpy_and_the_model_nothing_heavy():
    code = (
        "import sys, contextlib, importlib, numpy; before = set(sys.modules); import minilm\n"
        "assert set(sys.modules) - before == {'minilm'}\n"
        "import minilm.train, minilm.gradcheck\n"
        "print(*{m.partition('.')[0] for m in set(sys.modules) - before} - set(sys.stdlib_module_names))\n"
        "assert not {'multiprocessing', 'argparse', 'zipfile', 'matplotlib'} & (set(sys.modules) - before)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["minilm"]


def test_the_command_line_loads_matplotlib_only_where_it_draws():
    code = (
        "import sys; from minilm.__main__ import parse_options; parse_options(['mask', 'a', 'b'])\n"
        "assert 'matplotlib' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
