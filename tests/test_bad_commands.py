"""The command line on flags, files and folders that make no sense: the table of test_bad_inputs."""

import numpy as np
import pytest
from bad_inputs import GOOD, fails

from minilm import files
from minilm.__main__ import main

COMMANDS = {
    "23 no such file": ("--data nowhere.jsonl", "nowhere.jsonl: No such file"),
    "23 a folder": ("--data {dir}", "Is a directory|Permission denied"),
    "23 too few prompts": ("--data {one}", "a single prompt"),
    "24 steps 0": ("--steps 0", "steps is 0: it must be 1 or more"),
    "24 steps -5": ("--steps -5", "steps is -5"),
    "24 steps text": ("--steps many", "argument --steps: invalid int value: 'many'"),
    "24 seeds 0": ("--seeds 0", "--seeds and --workers must be 1 or more"),
    "24 lr nan": ("train --data {good} --out {dir}/new --lr nan", "lr is nan"),
    "24 lr inf": ("train --data {good} --out {dir}/new --lr inf", "lr is inf"),
    "24 lr -1": ("train --data {good} --out {dir}/new --lr -1", "lr is -1.0"),
    "24 weight 2": ("train --data {good} --out {dir}/new --prompt-weight 2", "prompt_weight is 2.0"),
    "24 weight nan": ("mask a b --prompt-weight nan", "prompt_weight is nan"),
    "24 seed -1": ("train --data {good} --out {dir}/new --seed -1", "argument --seed: invalid seed value"),
    "25 abbreviated flag": ("--ste 3", "unknown flag --ste: flags are written out in full"),
    "25 abbreviated with =": ("train --data {good} --out {dir}/new --prompt-w=1", "unknown flag --prompt-w"),
    "25 unknown command": ("tarin", "invalid choice: 'tarin'"),
    "16 empty answer": ("mask a <EMPTY>", "the response is empty"),
    "17 rows cut": (
        "--data {good} --max-tokens 3",
        "no row that trains: on line 1, cut to 3 tokens it",
    ),
    "25 a flag of another command": ("--seed 3", "unknown flag --seed: flags"),
    "25 level without data": ("--level byte", "--level and --max-tokens are about your own rows"),
    "25 data for mask": ("--data {good} mask a b", "--data stands before a command"),
    "16 nothing to mask": ("mask a", "give a PROMPT and a RESPONSE, or rows with --data"),
    "25 row without data": ("mask a b --row 1", "are about a file: give them with --data"),
    "25 prompt with data": ("mask a b --data {good}", "give either a PROMPT and a RESPONSE or --data"),
    "25 unknown policy": ("mask --data {good} --policy none", "argument --policy: invalid choice: 'none'"),
    "15 no such row": ("mask --data {good} --row 99", "there is no row 99: .*good.jsonl holds 18, counted"),
    "15 row -1": ("mask --data {good} --row -1", "--row is -1: it must be 0 or more"),
    "17 senseless cut": ("mask --data {good} --max-tokens 1", "--max-tokens is 1: it must be 2 or more"),
    "18 two spaces": ("mask --data {spaces} --level word", "spaces.jsonl, line 2: unknown word"),
    "24 weight of the preview": ("mask --data {good} --prompt-weight 2", "^minilm: prompt_weight is 2.0"),
    "43 a folder for a page": (
        "mask --data {good} --html {dir}",
        "is a folder: give --html the name of a file",
    ),
    "17 all weights 0": ("--data {unweighted}", "unweighted.jsonl has a single prompt left to train on"),
    "35 no checkpoint": ("generate {dir} a", "model.npz is no file"),
    "35 text for a checkpoint": ("generate {text} a", "is not a whole minilm checkpoint"),
    "35 text to resume": ("train --data {good} --out {text} --resume", "is not a whole minilm checkpoint"),
    "35 text to plot": ("plot {text}", "is not a whole minilm checkpoint"),
    "41 no run to resume": ("train --data {good} --out {dir}/new --resume", "holds no run: there is no"),
    "41 no run to plot": ("plot {dir}", "holds no run: there is no"),
    "41 no second run": ("train --data {good} --out {text}", r"already holds a run .model.npz.: go on"),
    "43 no folder can be made": ("--quick --out {good}/figures", "Not a directory|File exists"),
    "43 a file for a folder": ("train --data {good} --out {good}", "File exists"),
    "diagnose nothing": ("diagnose", "give either an .npz file, or --data and a JSONL file"),
    "diagnose both": ("diagnose a.npz --data {good}", "give either an .npz file, or --data"),
    "diagnose no file": ("diagnose nowhere.npz", "nowhere.npz: No such file"),
    "diagnose no arrays": ("diagnose {good}", "rows padded to one length, labels with -100"),
    "diagnose pickled": ("diagnose {dir}/objects.npz", "is no whole .npz file of plain arrays"),
    "diagnose other names": ("diagnose {dir}/names.npz", "holds a, b: it needs ids and labels"),
    "diagnose vocabulary": ("diagnose {dir}/right.npz --vocab-size 3", "id 3 is outside the vocabulary of 3"),
    "diagnose no rows": ("diagnose --data {none}", "none.jsonl holds no rows: the data set is empty"),
    "diagnose other rows": ("diagnose --data {other}", "line 1: the field 'prompt' is missing"),
    "diagnose id lists": ("diagnose --data {lists}", "lists.jsonl, line 2: it needs equally long lists"),
    "diagnose id text": ("diagnose --data {texts}", "texts.jsonl, line 1: ids holds"),
    "17 diagnose a senseless cut": (
        "diagnose --data {good} --max-tokens 1",
        "--max-tokens is 1: it must be 2 or",
    ),
    "23 a name of two lines": ("mask --data a<LINE>b", r"a\\nb: No such file"),
    "quiz seed": ("quiz --seed -1", "argument --seed: invalid seed value"),
    "layer": ("gradcheck --layer conv", "argument --layer: invalid choice: 'conv'"),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_command_ends_with_one_sentence(name, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    files = {"good": GOOD * 9, "one": '{"prompt": "a", "completion": "b"}\n' * 3}
    files["spaces"] = GOOD.replace("f?", "f  ?")
    answer = (
        '{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b", "weight": 0}]}'
    )
    files["unweighted"] = GOOD[: GOOD.index("\n") + 1] + answer
    files |= {"none": "\n", "other": '{"text": "a"}\n', "texts": '{"input_ids": ["a"], "labels": ["b"]}\n'}
    files["lists"] = '{"input_ids": [1, 2], "labels": [1, 2]}\n{"input_ids": [1, 2], "labels": [1]}\n'
    ids = np.arange(8).reshape(2, 4)
    np.savez(tmp_path / "right.npz", ids=ids, labels=ids)
    np.savez(tmp_path / "names.npz", a=ids, b=ids)
    np.savez(tmp_path / "objects.npz", ids=np.array([[1], [1, 2]], object), labels=ids)
    for stem, text in files.items():
        (tmp_path / f"{stem}.jsonl").write_text(text, encoding="utf-8")
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "model.npz").write_text("not a model", encoding="utf-8")
    places = {stem: tmp_path / f"{stem}.jsonl" for stem in files}
    before = sorted(tmp_path.rglob("*"))
    line, message = COMMANDS[name]
    words = line.format(dir=tmp_path, text=tmp_path / "text", **places).split()
    fails([word.replace("<EMPTY>", "").replace("<LINE>", "\n") for word in words], capsys, message)
    assert sorted(tmp_path.rglob("*")) == before


def test_diverging_train_names_the_step_and_keeps_the_last_good_checkpoint(tmp_path, capsys):
    rows = tmp_path / "rows.jsonl"
    rows.write_text(GOOD, encoding="utf-8")
    argv = ["train", "--data", str(rows), "--out", str(tmp_path / "run"), "--steps", "40"]
    assert main([*argv, "--lr", "1e30"]) == 2  # test_runs_end has the case of a later step
    _, err = capsys.readouterr()
    assert "step 2: the" in err and err.count("\n") == 1
    assert "model.npz keeps the state of step 0" in err
    files.checkpoint.load(tmp_path / "run" / "model.npz")
