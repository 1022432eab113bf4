"""How often the faults are tried: ``HPO_FAULTS_SCALE=0.05 make test-faults`` tries a twentieth."""

import os

import pytest

SCALE = float(os.environ.get("HPO_FAULTS_SCALE", "1"))
faults = pytest.mark.faults


def times(n: int) -> int:
    """`n` at full scale, and at least 2."""
    return max(2, round(SCALE * n))
