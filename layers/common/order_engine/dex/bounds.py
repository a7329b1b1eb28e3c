"""Bounds of what amounts are paid for which nobody has asked a quote.

A larger amount gets no better price than a smaller one, except for what is rounded and what legs cost. So the quote of
one amount says something of all larger ones and of all smaller ones. Prices are base units out for one base unit in.
"""

from __future__ import annotations

from fractions import Fraction

from order_engine.dex.routing import DoesNotFit, Paths, TooLarge, TooSmall

MARGIN = Fraction(1, 10_000)
"""By how much more than rounding explains a bound is wider than the price: splits are not found to the last unit.

Over the pools of the simulated market they are found to a hundredth of it. Each order within it costs a quote.
"""


def best_price_of_all(paths: Paths) -> Fraction:
    """What no amount is paid more than."""
    return paths.spot_price * (1 + MARGIN)


def best_price_from(paths: Paths, amount_in: int) -> Fraction | None:
    """What no amount of at least `amount_in` is paid more than. `None` if no route takes it: that says nothing."""
    route = paths.best(amount_in)
    return None if route is None else (route.amount_out + paths.slack) / amount_in * (1 + MARGIN)


def worst_price_until(paths: Paths, amount_in: int) -> Fraction:
    """What no amount of at most `amount_in` is paid less than if a route takes it, but for `Paths.slack` in all."""
    try:
        paid = paths.routes(amount_in)[0].amount_out
    except TooLarge as error:
        amount_in, paid = max(error.largest, 1), error.amount_out
    except (TooSmall, DoesNotFit):
        return Fraction(0)
    return Fraction(paid, amount_in) * (1 - MARGIN)
