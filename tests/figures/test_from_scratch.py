"""The cause is only named if all probes agree."""

import pytest

from minilm.figures import why


def spread(number):
    """Three seeds."""
    return [number, number + 0.02, number - 0.02]


def make_result(cosine=0.01, separate=0.9, tuned=0.81, masked=0.8):
    return {
        "rates": [1, 2],
        "angles_by_ratio": {"cos_parts": [spread(0.0), spread(cosine)]},
        "match_by_optimiser": {
            "Adam, g_y / N_y": spread(masked),
            "Adam, separate moments": spread(separate),
            "Adam, g_x + g_y": [0.5, 0.6, 0.55],
        },
        "match_by_rate": {
            "0": [[0.8, 0.81, 0.79], spread(0.1)],
            "1": [spread(0.2), [tuned, tuned - 0.01, tuned]],
        },
    }


def test_dilution_is_claimed_if_all_probes_agree():
    result = make_result()
    assert "dilution of the answers' gradient" in why.choose_takeaway(result)
    assert "no difference between masked and full is shown" in why.explain_takeaway(result)
    assert "masked (1) has 0.800 ± 0.010 and full (2) 0.807 ± 0.006" in why.describe_rates(result)


@pytest.mark.parametrize("change", [{"cosine": -0.4}, {"separate": 0.56}, {"tuned": 0.6}, {"masked": 0.56}])
def test_dilution_is_not_claimed_if_one_probe_differs(change):
    result = make_result(**change)
    assert why.choose_takeaway(result) == "These probes do not agree on why full and masked loss differ."
    assert why.explain_takeaway(result) == ""
