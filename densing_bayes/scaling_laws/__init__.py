"""The classic scaling laws, Bayesian: what to train, and what small runs foretell.

Reading order: ``form`` (one formula that holds every law), ``classic`` (published constants,
compute, compute-optimal allocation), ``calculator`` (devices, days, utilisation), ``lifetime``
(training plus serving), ``precision`` (bits); ``columns``, ``units``, ``geometry``, ``tables``
(a table of runs: named, in which units, of which design, checked); ``weights`` (weights of laws,
and the drift that all miss), ``coordinates``, ``walkers``, ``fit`` (posteriors of the laws),
``rehearse``, ``ladders``, ``predict`` (big from small, scored), ``optima``, ``envelope``,
``questions``, ``approaches`` (the three Chinchilla approaches), ``score``, ``tasks`` (scores of
larger models). ``run`` and ``study`` ask, ``words`` and ``pictures`` tell.
"""
