"""The classic scaling laws, Bayesian: what to train, and what small runs foretell.

Reading order: ``form`` (one formula that holds every law), ``classic`` (published constants,
compute, compute-optimal allocation), ``calculator`` (devices, days, utilisation), ``lifetime``
(training plus serving), ``precision`` (bits), ``tables`` (a table of runs, read and checked),
``weights`` (stacking, and what the form may miss beyond the ladder), ``fit`` (posteriors of the
laws and the questions put to them), ``predict`` (big from small, scored), ``approaches`` (the
three Chinchilla approaches). Only ``fit`` and what builds on it sample.
"""
