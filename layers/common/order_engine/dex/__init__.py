"""Pools, exact quote math and routing: pure functions on integers."""
