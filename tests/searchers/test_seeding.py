"""The generators of a study's suggestions are NumPy's own for the seed and the trial."""

import pickle

import numpy as np
import pytest

from hpo.searchers.base import generator


def numpys(seed, k):
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(k,))))


@pytest.mark.parametrize(
    "seed", [0, 1, 2**32 - 1, 2**32, 2**63 + 5, 2**96 + 7, 2**128 - 1, 2**128, 2**300 + 3]
)
@pytest.mark.parametrize("k", [0, 1, 255, 256, 257, 100_000, 2**32 - 257, 2**32 - 1, 2**32, 2**64 + 1])
def test_it_is_numpys_generator_bit_for_bit(seed, k):
    ours, theirs = generator(seed, k), numpys(seed, k)
    assert ours.bit_generator.state == theirs.bit_generator.state
    assert (ours.random(5) == theirs.random(5)).all()


def test_it_spawns_and_travels_like_numpys():
    ours, theirs = generator(3, 7), numpys(3, 7)
    for _ in range(2):
        for a, b in zip(ours.spawn(2), theirs.spawn(2)):
            assert a.random() == b.random()
    assert pickle.loads(pickle.dumps(ours)).random() == theirs.random()
    words = [rng.bit_generator.seed_seq.generate_state(6) for rng in (ours, theirs)]
    assert (words[0] == words[1]).all()


def test_neighbours_in_any_order_do_not_disturb_each_other():
    drawn = {(s, k): generator(s, k).random() for s in range(20) for k in (300, 1, 600, 2)}
    assert drawn == {(s, k): numpys(s, k).random() for s, k in drawn}
