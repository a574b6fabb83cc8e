"""Errors: one tree, all problems at once, each on one line."""

from __future__ import annotations

import pytest

from densing_bayes import errors
from densing_bayes.errors import InputError, Problem, did_you_mean


def test_the_tree_is_as_drawn():
    parents = {name: cls.__mro__[1].__name__ for name, cls in vars(errors).items()
               if isinstance(cls, type) and issubclass(cls, Exception)}
    assert parents == {"DensingError": "Exception", "InputError": "DensingError",
                       "TableError": "InputError", "SpecError": "InputError",
                       "DomainError": "InputError", "GateError": "DensingError",
                       "MachineError": "DensingError"}
    assert all(name in errors.__doc__ for name in parents)
    assert issubclass(errors.DomainError, ValueError)


@pytest.mark.parametrize(("problem", "text"), [
    (Problem("no such device"), "no such device"),
    (Problem("wrong", file="a.csv"), "a.csv: wrong"),
    (Problem("wrong", file="a.csv", row=3), "a.csv, row 3: wrong"),
    (Problem("wrong", row=0, column="x"), "row 0, column x: wrong"),
    (Problem("wrong", given=0), "wrong (given '0')"),
    (Problem("wrong", allowed="1, 2", hint="try 1"), "wrong (allowed: 1, 2; try 1)"),
    (Problem("wrong", given="a\nb"), r"wrong (given 'a\nb')"),
])
def test_a_problem_in_words(problem, text):
    assert str(problem) == text


def test_an_error_holds_every_problem():
    problems = [Problem("one"), Problem("two", file="b.csv")]
    assert InputError(iter(problems)).problems == problems
    assert str(InputError(problems)) == "one\nb.csv: two"
    assert InputError("plain words").problems == [Problem("plain words")]
    assert InputError(problems[0]).problems == problems[:1]


def test_the_nearest_word():
    assert did_you_mean("gama", ("alpha", "gamma")) == "did you mean 'gamma'?"
    assert did_you_mean("zzz", ("alpha", "gamma")) is None
    assert did_you_mean(3, (31, "a")) == "did you mean '31'?"
