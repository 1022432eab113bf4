"""What hypothesis draws for several rooms' tests."""

import numpy as np
from hypothesis import strategies as st

from hpo.space import Categorical, Float, Int, Ordinal, Space


@st.composite
def spaces(draw):
    """Any space whose conditions point to discrete parameters before it."""
    parameters = {}
    for i in range(draw(st.integers(1, 6))):
        parents = [(n, p) for n, p in parameters.items() if np.isfinite(p.n_cells)]
        when = None
        if parents and draw(st.booleans()):
            name, parent = draw(st.sampled_from(parents))
            last = int(parent.n_cells) - 1
            few = st.sets(st.integers(0, last), min_size=1, max_size=3)
            from_one_on = st.builds(range, st.integers(0, last), st.just(last + 1))
            indices = draw(few | from_one_on)
            when = {name: [parent.value(parent.first + i * parent.grid_step) for i in indices]}
        low, width = draw(st.integers(-1000, 1000)), draw(st.integers(0, 300))
        parameters[f"p{i}"] = draw(
            st.sampled_from(
                [
                    Float(low / 7, low / 7 + width / 3, when=when),
                    Float(10.0 ** (low / 4), 10.0 ** (low / 4 + width / 10), log=True, when=when),
                    Float(
                        low / 10,
                        low / 10 + width / 8,
                        step=draw(st.sampled_from([0.1, 0.25, 1 / 3])),
                        when=when,
                    ),
                    Int(low, low + width, step=draw(st.integers(1, 9)), when=when),
                    Int(abs(low) + 1, abs(low) + 1 + width, log=True, when=when),
                    Ordinal([2**i for i in range(1 + width % 9)], when=when),
                    Categorical([*"abcdefghi"[: 1 + width % 9]], when=when),
                ]
            )
        )
    return Space(parameters)
