from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest

from order_engine.domain.access import Scope
from order_engine.domain.errors import ScopeMissing
from tests.support.orders import CALLER

INCLUDED = {
    Scope.READ: {Scope.READ},
    Scope.TRADE: {Scope.READ, Scope.TRADE},
    Scope.ADMIN: {Scope.READ, Scope.TRADE, Scope.ADMIN},
}


@pytest.mark.parametrize(("scope", "needed"), [*product(Scope, Scope)])
def test_a_scope_includes_those_before_it(scope: Scope, needed: Scope) -> None:
    caller = replace(CALLER, scope=scope)
    if needed in INCLUDED[scope]:
        caller.require(needed)
        return
    with pytest.raises(ScopeMissing, match=f"^expected a key with the scope {needed}, was one with the scope {scope}$"):
        caller.require(needed)
