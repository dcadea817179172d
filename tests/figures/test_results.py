"""Results survive JSON, and figures need nothing else."""

import numpy as np

from minilm.figures import anatomy, masked_vs_full, plots, results


def test_json_survives_and_figures_need_nothing_else(result, tmp_path):
    path = tmp_path / "sub" / "result.json"
    results.write_json(path, result)
    read = results.read_json(path)
    assert read["runs"] == result["runs"] and read["versions"]["numpy"] == np.__version__
    for figure in (masked_vs_full.draw(read), anatomy.draw(anatomy.compute())):
        plots.save(figure, tmp_path / "figure.png", "a description")
        content = (tmp_path / "figure.png").read_bytes()
        assert content.startswith(b"\x89PNG") and b"a description" in content
    assert "mean ± std over 3 seeds" in masked_vs_full.caption(read)
