"""Pools, exact quote maths and routing: pure functions on integers."""
