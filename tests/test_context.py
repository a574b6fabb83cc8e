"""A run of the main job: what is sampled again, and what is not."""

import json
from types import SimpleNamespace

import pytest

from densing_bayes import context as module
from densing_bayes.context import Context


@pytest.mark.parametrize("passes", [0, 1, 2, 3])
def test_chains_that_fail_their_checks_are_sampled_up_to_twice_more(monkeypatch, passes):
    """The attempt that passes; 3 is none, and the last one is what is judged then."""
    expected = list(range(min(passes, 2) + 1))
    asked = []

    def fit(checksums, *, longer=0):
        asked.append(longer)
        return SimpleNamespace(longer=longer, tree=SimpleNamespace(attrs={}))

    monkeypatch.setattr(Context, "joint", SimpleNamespace(fit=fit))
    judged = []

    def gate(fit):
        judged.append(fit.longer)
        return {"passed": fit.longer >= passes}

    monkeypatch.setattr(module, "gate", gate)
    said = []
    context = Context(SimpleNamespace(sha256={}), None, lambda name, **_: said.append(name))
    assert context.diagnostics["passed"] is (passes < 3)
    found = context.fit
    assert asked == expected
    assert judged == expected, "each fit is judged once"
    assert found.longer == expected[-1]
    assert sum("again" in name for name in said) == len(expected) - 1


@pytest.mark.parametrize(("kept", "found"), [
    (None, None), ("no json", None), ("{}", None), ('{"passed": true}', None)])
def test_a_gate_that_was_not_kept_whole_is_judged_again(kept, found):
    """Only what `diagnostics` would have said is taken."""
    fit = SimpleNamespace(tree=SimpleNamespace(attrs={} if kept is None else {"gate": kept}))
    assert module.kept_gate(fit) is found


def test_a_kept_gate_is_what_was_judged(small_fit):
    judged = module.gate(small_fit)
    fit = SimpleNamespace(tree=SimpleNamespace(attrs={"gate": json.dumps(judged)}))
    assert module.kept_gate(fit) == judged
