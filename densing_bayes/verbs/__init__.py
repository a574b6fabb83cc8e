"""The verbs of the command as Python functions: ``densing growth`` is ``growth()``, and so on.

Each opens tables and fit, asks `densing_bayes.questions` and gives an `Answer`. The command prints
what these return; ``import densing_bayes as db`` has them as ``db.growth``, ``db.density``, ...
"""
