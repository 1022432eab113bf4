"""What opening a study costs is measured in a process that has done nothing else."""

import re

import numpy as np

from benchmarks.speed import storage


def test_the_peak_of_opening_a_study_is_its_own(tmp_path, capsys):
    held = np.ones(100_000_000)  # 800 MB in this process
    storage._opening(tmp_path, 20)
    said = capsys.readouterr().out
    peak, before = (float(x) for x in re.findall(r"(\d+) MB", said))
    assert "a study of 20 trials" in said
    assert 10 < before <= peak < 400 < held.nbytes / 2**20
    assert "goal" not in said
