"""Suites of problems with known optima, and the regret of every searcher on them.

`tables` looks tuning results up, `functions` and `wrappers` compute them; `regret` normalises and
averages, `peers` brings other libraries in, `command` runs it all.
"""
