"""The problems of the suite of functions."""

from __future__ import annotations

import numpy as np

from benchmarks.suites import functions as f
from benchmarks.suites import wrappers as w
from benchmarks.suites.wrappers import FunctionProblem


def functions() -> dict[str, FunctionProblem]:
    """Plain functions in 2 to 20 dimensions, and functions that are like real tuning."""
    return {**_plain(), **_like_tuning()}


def misscaled() -> dict[str, FunctionProblem]:
    """Functions with half of their ranges on a wrong scale, without noise and with a little."""
    chosen = {
        "branin": (f.branin(), 0.5),
        "hartmann-3": (f.hartmann(3), 0.05),
        "hartmann-6": (f.hartmann(6), 0.025),
        "rosenbrock-3": (f.rosenbrock(3), 15.0),
        "ackley-3": (f.ackley(3), 0.075),
        "ackley-5": (f.ackley(5), 0.06),
        "levy-4": (f.levy(4), 0.7),
        "levy-6": (f.levy(6), 0.9),
        "sphere-4": (f.sphere(4), 0.5),
        "sphere-8": (f.sphere(8), 0.9),
        "styblinski-tang-4": (f.styblinski_tang(4), 1.3),
        "griewank-5": (f.griewank(5), 0.05),
        "zakharov-3": (f.zakharov(3), 15.0),
    }
    found = {}
    for i, (name, (function, sd)) in enumerate(chosen.items()):
        found[name] = w.misscaled(w.plain(function), 2 * i)
        found[f"noisy {name}"] = w.noisy(w.misscaled(w.plain(function), 2 * i + 1), sd)
    return found


def accidents() -> dict[str, FunctionProblem]:
    """Functions of which some trials end badly by accident, and with a cliff beside the minimiser."""
    chosen = {
        "branin": (f.branin(), 100.0),
        "ackley-2": (f.ackley(2), 10.0),
        "hartmann-3": (f.hartmann(3), 3.0),
        "zakharov-3": (f.zakharov(3), 300.0),
        "levy-4": (f.levy(4), 60.0),
        "griewank-4": (f.griewank(4), 5.0),
        "sphere-6": (f.sphere(6), 60.0),
        "hartmann-6": (f.hartmann(6), 3.0),
        "rosenbrock-5": (f.rosenbrock(5), 3000.0),
        "styblinski-tang-4": (f.styblinski_tang(4), 100.0),
    }
    found = {}
    for i, (name, (function, size)) in enumerate(chosen.items()):
        share = (0.05, 0.1, 0.2)[i % 3]
        found[f"{name}, {share:.0%} accidents"] = w.accidental(w.plain(function), share, size)
        found[f"{name}, cliff"] = w.cliff(w.plain(function), size, seed=i)
    return found


def noisy() -> dict[str, FunctionProblem]:
    """Functions with noise of a tenth, three tenths and all of the sd of their values over the space."""
    chosen = {
        "branin": f.branin(),
        "hartmann-3": f.hartmann(3),
        "hartmann-6": f.hartmann(6),
        "ackley-3": f.ackley(3),
        "ackley-5": f.ackley(5),
        "levy-4": f.levy(4),
        "levy-6": f.levy(6),
        "rosenbrock-3": f.rosenbrock(3),
        "sphere-4": f.sphere(4),
        "sphere-8": f.sphere(8),
        "griewank-5": f.griewank(5),
        "styblinski-tang-4": f.styblinski_tang(4),
    }
    found = {}
    for name, function in chosen.items():
        problem = w.plain(function)
        drawn = problem.space.decode(problem.space.sample(300, np.random.default_rng(0)))
        sd = float(np.std([problem.truth(params) for params in drawn]))
        for share in (0.1, 0.3, 1.0):
            found[f"{name}, noise {share:.1f}"] = w.noisy(problem, share * sd)
    return found


def _plain() -> dict[str, FunctionProblem]:
    chosen = {
        "branin": f.branin(),
        "six-hump-camel": f.six_hump_camel(),
        "rosenbrock-2": f.rosenbrock(2),
        "ackley-2": f.ackley(2),
        "hartmann-3": f.hartmann(3),
        "shekel-4": f.shekel(),
        "rastrigin-4": f.rastrigin(4),
        "rosenbrock-4": f.rosenbrock(4),
        "levy-4": f.levy(4),
        "michalewicz-5": f.michalewicz(5),
        "styblinski-tang-5": f.styblinski_tang(5),
        "zakharov-5": f.zakharov(5),
        "ackley-5": f.ackley(5),
        "hartmann-6": f.hartmann(6),
        "griewank-6": f.griewank(6),
        "sphere-10": f.sphere(10),
        "levy-10": f.levy(10),
        "ackley-20": f.ackley(20),
        "sphere-20": f.sphere(20),
    }
    return {name: w.plain(function) for name, function in chosen.items()}


def _like_tuning() -> dict[str, FunctionProblem]:
    everything = w.plain(f.levy(6))
    everything = w.integers(w.ordinals(w.rescaled(everything), [1], 6), [2], 50)
    everything = w.conditional(w.categories(everything, [5], 3), [4])
    return {
        "noisy branin": w.noisy(w.plain(f.branin()), 5.0),
        "noisy hartmann-6": w.noisy(w.plain(f.hartmann(6)), 0.2),
        "noisy sphere-5": w.noisy(w.plain(f.sphere(5)), 3.0),
        "rescaled rosenbrock-3": w.rescaled(w.plain(f.rosenbrock(3))),
        "rescaled levy-6": w.rescaled(w.plain(f.levy(6))),
        "integer ackley-6": w.integers(w.plain(f.ackley(6)), range(6), 21),
        "mixed sphere-6": w.categories(
            w.ordinals(w.integers(w.plain(f.sphere(6)), [0, 1], 30), [2, 3], 5), [4, 5], 4
        ),
        "categorical styblinski-tang-5": w.categories(w.plain(f.styblinski_tang(5)), [0, 2, 4], 6),
        "conditional levy-5": w.conditional(w.plain(f.levy(5)), [2, 3, 4]),
        "plateaus of sphere-5": w.plateaus(w.plain(f.sphere(5)), 3.0),
        "heavy-tailed rosenbrock-3": w.heavy_tailed(w.plain(f.rosenbrock(3)), 300.0),
        "heavy-tailed noisy ackley-4": w.noisy(w.heavy_tailed(w.plain(f.ackley(4)), 1.5), 0.3),
        "failing hartmann-6": w.failing(w.plain(f.hartmann(6)), 0.3),
        "failing ackley-4": w.failing(w.plain(f.ackley(4)), 0.2),
        "like tuning": w.failing(w.noisy(w.heavy_tailed(everything, 60.0), 1.0), 0.15),
    }
