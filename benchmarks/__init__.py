"""The evidence: benchmarks of hpo on real networks, on tables, on test functions, and of its own speed."""
