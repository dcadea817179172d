"""What needs no torch of the entry points for torch; the rest is tested in tests/peers."""

import subprocess
import sys


def test_torch_is_not_imported_before_a_call():
    code = (
        "import sys; from minilm import diagnose; diagnose.torch_step, diagnose.trainer\n"
        "assert not {'torch', 'transformers', 'trl', 'datasets'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
