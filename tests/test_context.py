"""A run of the main job: what is sampled again, and what is not."""

from types import SimpleNamespace

import pytest

from densing_bayes import context as module
from densing_bayes.context import Context


@pytest.mark.parametrize(("first_passes", "expected"), [(True, [False]), (False, [False, True])])
def test_chains_that_fail_their_checks_are_sampled_once_more(monkeypatch, first_passes, expected):
    asked = []

    def fit(checksums, *, longer=False):
        asked.append(longer)
        return SimpleNamespace(longer=longer)

    monkeypatch.setattr(Context, "joint", SimpleNamespace(fit=fit))
    judged = []

    def gate(fit):
        judged.append(fit.longer)
        return {"passed": first_passes or fit.longer}

    monkeypatch.setattr(module, "gate", gate)
    said = []
    context = Context(SimpleNamespace(sha256={}), None, lambda name, **_: said.append(name))
    assert context.diagnostics["passed"]
    found = context.fit
    assert asked == expected
    assert judged == expected, "each fit is judged once"
    assert found.longer is not first_passes
    assert any("again" in name for name in said) is not first_passes
