"""The rings of observations in which Raydium's programs keep prices over time."""

from __future__ import annotations

from localnet.programs.records import Layout, Record

_OBSERVATIONS = 100
_INTERVAL_SECONDS = 15


def observe(record: Record, observation: Layout, now: int, **values: int) -> bool:
    """Adds to each cumulative field its value times the seconds since the last observation: `ObservationState::update`.

    Returns whether it changes the record: at first, and then at most every 15 seconds.
    """
    index = record["observation_index"]
    last = record.part(observation, "observations", index)
    if not record["initialized"]:
        record["initialized"] = 1
        last["block_timestamp"] = now
        return True
    elapsed = max(now - last["block_timestamp"], 0)
    if elapsed < _INTERVAL_SECONDS:
        return False
    index = (index + 1) % _OBSERVATIONS
    following = record.part(observation, "observations", index)
    following["block_timestamp"] = now
    for name, value in values.items():
        following[name] = last[name] + value * elapsed
    record["observation_index"] = index
    return True
