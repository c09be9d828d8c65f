"""
Deterministic simulation: the real ledger and the real use case on a virtual clock, with one seed for all chance.

`python -m tests.simulation 17` repeats seed 17; docs/reliability.md says what is virtual and what is real.
"""
