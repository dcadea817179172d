"""`train` resumes with the settings of the run, refuses others, and says what it trains."""

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


def test_resume_takes_the_flags_from_the_run_and_refuses_others(tmp_path, capsys):
    rows, moved, folder = tmp_path / "rows.jsonl", tmp_path / "moved.jsonl", tmp_path / "run"
    rows.write_text(JSONL, encoding="utf-8")
    flags = "--steps 30 --prompt-weight 0.5 --level byte --max-tokens 11".split()
    argv = ["train", "--data", str(rows), "--out", str(folder)]
    assert main([*argv, *flags]) == 0
    first, *_ = capsys.readouterr().out.splitlines()
    assert first.startswith("6 training rows, 1 held out;") and first.endswith("30 steps of 16 rows")
    unstopped = read_bits(folder)
    for path in list(folder.iterdir()):
        path.unlink()
    with minilm.swap("train.train_step", call_before_step(24, press_ctrl_c)):
        assert main([*argv, *flags]) == 130
    assert "holds step 24 of 30" in capsys.readouterr().err

    def require_refusal(message, *flags):
        before = read_bits(folder)
        assert main([*argv, "--resume", *flags]) == 2
        out, err = capsys.readouterr()
        assert out == "" and err.count("\n") == 1
        with pytest.raises(ValueError, match=message):
            raise ValueError(err)
        assert read_bits(folder) == before

    for typed, message in REFUSED.items():
        require_refusal(message, *typed.split())
    rows.write_text(JSONL.replace("g?", "G?"), encoding="utf-8")  # one letter
    require_refusal("the rows .data file, --max-tokens. are not those")

    moved.write_text(f"\n{JSONL}\n\n", encoding="utf-8")  # blank lines are not compared, nor is the path
    argv[2] = str(moved)
    assert main([*argv, "--resume", "--lr", "0.003"]) == 0
    assert read_bits(folder) == unstopped
    capsys.readouterr()
    assert main([*argv, "--resume"]) == 0  # a finished run has nothing left to do
    assert capsys.readouterr().out.endswith(f"{folder / files.run.MODEL} holds the model after 30 steps\n")
    assert read_bits(folder) == unstopped


def test_the_required_options_are_named(capsys):
    with pytest.raises(SystemExit):
        main(["train", "--data", "rows.jsonl"])
    assert "required: --out" in capsys.readouterr().err
