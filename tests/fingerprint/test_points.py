import pytest

from jaxinfo import fingerprint


def test_fingerprints_repeat_no_point(key):
    drawn = fingerprint.sample_fingerprint(key, num_data=20, num_points=20)
    assert sorted(drawn.tolist()) == list(range(20))
    with pytest.raises(ValueError, match="`num_points` to be at most `num_data`, 20"):
        fingerprint.sample_fingerprint(key, num_data=20, num_points=21)
