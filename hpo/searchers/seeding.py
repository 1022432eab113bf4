"""NumPy's own seed sequences for the suggestions of a study, hashed for many trials at a time.

``PCG64(SeedSequence(seed, spawn_key=(k,)))`` spends nearly all its time in hashing the seed, which takes
longer than a random draw. But the key enters the hash last, after the pool of the seed alone: so this
last step and the output are done here for a block of trials at once, in the arithmetic of O'Neill's
seed_seq_fe as NumPy has it (``numpy/random/bit_generator.pyx``, fixed by NumPy's promise of stable streams).
"""

from __future__ import annotations

from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.random.bit_generator import ISpawnableSeedSequence
from numpy.typing import NDArray

BLOCK = 256  # trials hashed together
WORDS = 4  # of 64 bits: what PCG64 asks for

INIT_A, MULT_A = 0x43B0D7E5, 0x931E8875
INIT_B, MULT_B = 0x8B51F9DD, 0x58F38DED
MIX_L, MIX_R = 0xCA01F9DD, 0x4973F715
POOL_SIZE = 4
N_HASHED = POOL_SIZE**2  # calls of the hash before the key's turn: each word of the pool, then each pair
UINT32 = 0xFFFFFFFF


class TrialSeed(ISpawnableSeedSequence):
    """``SeedSequence(seed, spawn_key=(k,))`` whose words for PCG64 are known already."""

    def __init__(self, seed: int, k: int) -> None:
        self._seed = seed
        self._k = k

    def generate_state(self, n_words: int, dtype: Any = np.uint32) -> NDArray[Any]:
        """The requested words; see `numpy.random.SeedSequence.generate_state`."""
        is_known = n_words == WORDS and dtype is np.uint64 and self._seed < 2**128 and self._k < 2**32 - BLOCK
        if not is_known:
            return self._whole.generate_state(n_words, dtype)
        words: NDArray[np.uint64] = _hashed(self._seed, self._k // BLOCK)[self._k % BLOCK]
        return words

    def spawn(self, n_children: int) -> list[np.random.SeedSequence]:  # type: ignore[override]
        """Independent sequences; see `numpy.random.SeedSequence.spawn`."""
        return self._whole.spawn(n_children)

    @cached_property
    def _whole(self) -> np.random.SeedSequence:
        return np.random.SeedSequence(self._seed, spawn_key=(self._k,))


@lru_cache(maxsize=16)
def _hashed(seed: int, block: int) -> NDArray[np.uint64]:
    """Words for PCG64 of the trials of a block, (BLOCK, WORDS)."""
    key = np.arange(block * BLOCK, (block + 1) * BLOCK, dtype=np.uint32)
    constant = INIT_A * pow(MULT_A, N_HASHED, 2**32) & UINT32
    pool = []
    for word in np.random.SeedSequence(seed).pool:
        hashed, constant = _hash(key, constant, MULT_A)
        mixed = np.uint32(int(word) * MIX_L & UINT32) - hashed * np.uint32(MIX_R)
        pool.append(mixed ^ (mixed >> np.uint32(16)))
    constant, halves = INIT_B, []
    for i in range(2 * WORDS):
        hashed, constant = _hash(pool[i % POOL_SIZE], constant, MULT_B)
        halves.append(hashed.astype(np.uint64))
    words = np.stack([low | high << np.uint64(32) for low, high in zip(halves[::2], halves[1::2])], axis=1)
    words.flags.writeable = False
    return words


def _hash(value: NDArray[np.uint32], constant: int, factor: int) -> tuple[NDArray[np.uint32], int]:
    """Hash of a word, and the constant of the next hash."""
    following = constant * factor & UINT32
    value = (value ^ np.uint32(constant)) * np.uint32(following)
    return value ^ (value >> np.uint32(16)), following
