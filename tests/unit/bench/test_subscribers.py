"""A subscriber must get all events of its order, once and in order."""

from __future__ import annotations

import pytest

from bench.subscribers import check


def received(*seqs: int) -> list[dict[str, int]]:
    return [{"seq": seq} for seq in seqs]


def test_all_events_in_their_order_are_right() -> None:
    check(received(1, 2, 3))


@pytest.mark.parametrize("seqs", [(1, 3), (2, 3), (1, 2, 2), (2, 1)])
def test_events_that_are_missing_doubled_or_out_of_order_are_found(seqs: tuple[int, ...]) -> None:
    with pytest.raises(RuntimeError, match=r"expected the events \[1, 2"):
        check(received(*seqs))
