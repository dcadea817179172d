"""`train` resumes with the settings of the run, refuses others, and says what it trains."""

import re

import pytest
from run_cases import JSONL, call_before_step, press_ctrl_c, read_bits

import minilm
from minilm import files
from minilm.__main__ import main

pytestmark = pytest.mark.usefixtures("ordinary_ctrl_c")
REFUSED = {
    "--seed 1": "seed is 1, but the run in .* began with 0",
    "--steps 300": "steps is 300, but the run in .* began with 30",
    "--steps 25": "steps is 25, but the run in .* began with 30",
    "--lr 0.004": "lr is 0.004, but the run in .* began with 0.003",
    "--prompt-weight 0": "prompt_weight is 0.0, but the run in .* began with 0.5",
    "--level char": "level is char, but the run in .* began with byte",
    "--max-tokens 12": "the rows .data file, --max-tokens. are not those",
}


@pytest.fixture
def stopped(tmp_path, capsys):
    """(argv, bits of the finished run): in argv's folder the same run is stopped at step 24 of 30."""
    (tmp_path / "rows.jsonl").write_text(JSONL, encoding="utf-8")
    argv = ["train", "--data", str(tmp_path / "rows.jsonl"), "--out"]
    flags = "--steps 30 --prompt-weight 0.5 --level byte --max-tokens 11".split()
    assert main([*argv, str(tmp_path / "finished"), *flags]) == 0
    argv.append(str(tmp_path / "run"))
    with minilm.swap("train.train_step", call_before_step(24, press_ctrl_c)):
        assert main([*argv, *flags]) == 130
    out, err = capsys.readouterr()
    first, *_ = out.splitlines()
    assert first.startswith("6 training rows, 1 held out;") and first.endswith("30 steps of 16 rows")
    assert "holds step 24 of 30" in err
    return argv, read_bits(tmp_path / "finished")


def test_resume_refuses_other_settings_and_rows(stopped, tmp_path, capsys):
    argv, _ = stopped
    before = read_bits(tmp_path / "run")

    def require_refusal(message, *flags):
        assert main([*argv, "--resume", *flags]) == 2
        out, err = capsys.readouterr()
        assert out == "" and err.count("\n") == 1 and re.search(message, err)
        assert read_bits(tmp_path / "run") == before

    for flags, message in REFUSED.items():
        require_refusal(message, *flags.split())
    (tmp_path / "rows.jsonl").write_text(JSONL.replace("g?", "G?"), encoding="utf-8")  # one letter
    require_refusal("the rows .data file, --max-tokens. are not those")


def test_resume_takes_the_settings_from_the_run(stopped, tmp_path, capsys):
    argv, finished = stopped
    moved = tmp_path / "moved.jsonl"  # neither the path nor blank lines matter
    moved.write_text(f"\n{JSONL}\n\n", encoding="utf-8")
    argv[2] = str(moved)
    assert main([*argv, "--resume", "--lr", "0.003"]) == 0
    assert read_bits(tmp_path / "run") == finished
    capsys.readouterr()
    assert main([*argv, "--resume"]) == 0  # a finished run has nothing left to do
    out = capsys.readouterr().out
    assert out.endswith(f"{tmp_path / 'run' / files.run.MODEL} holds the model after 30 steps\n")
    assert read_bits(tmp_path / "run") == finished


def test_the_required_options_are_named(capsys):
    with pytest.raises(SystemExit):
        main(["train", "--data", "rows.jsonl"])
    assert "required: --out" in capsys.readouterr().err


def test_the_hint_can_be_pasted_on_windows_too(stopped, tmp_path, capsys, monkeypatch):
    argv, _ = stopped
    monkeypatch.setattr("sys.platform", "win32")
    with minilm.swap("train.train_step", call_before_step(27, press_ctrl_c)):
        moved = tmp_path / "my rows.jsonl"
        moved.write_text(JSONL, encoding="utf-8")
        assert main([argv[0], "--data", str(moved), *argv[3:], "--resume"]) == 130
    assert f'train --data "{moved}" --out' in capsys.readouterr().err
