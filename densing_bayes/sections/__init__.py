"""Sections of the report: one module per question, each with ``section(...) -> Section``.

A section turns results into words, tables and pictures. Words name the probability and kind of
every interval and give rates before doubling times; every number in them is computed.
"""
