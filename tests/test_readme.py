"""README states what the stored results say, and nothing that went stale."""

from pathlib import Path

import pytest

from minilm import experiments, plots, report

HOME = Path(__file__).parents[1]
README = (HOME / "README.md").read_text(encoding="utf-8")


@pytest.mark.slow  # for a fresh clone: the main job rewrites figures/ with this machine's numbers
def test_the_table_and_both_captions_are_those_of_the_stored_results():
    curves = experiments.read_json(HOME / "figures" / "masked_vs_full.json")
    anatomy = experiments.read_json(HOME / "figures" / "anatomy.json")
    assert report.comparison(curves) in README
    assert curves["caption"] == plots.curves_caption(curves) and curves["caption"] in README
    assert anatomy["caption"] == plots.anatomy_caption(anatomy) and anatomy["caption"] in README
    for figure in (curves, anatomy):
        assert figure["alt"] in README
        assert (HOME / "figures" / f"{figure['figure']}.png").exists()


def test_identities_in_the_readme_are_those_printed():
    printed = report.mask_and_decomposition()
    table = printed.split("\n\n")[1]
    assert table in README


@pytest.mark.parametrize("pattern", ["*.md", "minilm/*.py", "tests/**/*.py", "pyproject.toml"])
def test_the_repository_speaks_of_the_project_alone(pattern):
    for path in HOME.glob(pattern):
        text = path.read_text(encoding="utf-8")
        for word in ("/" + "work/", "/" + "tmp/", "/" + "home/", "bash" + "_jobs"):
            assert word not in text, f"{path.name} names {word}"
