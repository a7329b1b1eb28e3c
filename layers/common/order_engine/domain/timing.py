"""How long an order may take. Everything that waits for one follows from the life of a blockhash.

The template and the state machine repeat these figures; a test holds them together.
"""

from __future__ import annotations

BLOCKHASH_SECONDS = 90.0
"""How long a transaction may land: 150 blocks, in 60 seconds at 0.4 seconds a block. A busy chain takes longer."""

FINALITY_SECONDS = 30.0
"""How long it takes to prove that a transaction is dead: until a block above its last one is final, 32 blocks later."""

STEP_SECONDS = 15
"""How long one try of a step may take."""

CONFIRM_SECONDS = 1
"""The pause of the state machine between two questions for a result."""

EXECUTION_SECONDS = int(BLOCKHASH_SECONDS + FINALITY_SECONDS) + 8 * STEP_SECONDS
"""How long an execution of the state machine may take: an attempt whose transaction dies, and the next one.

Step Functions allows 300 seconds. An execution that is cut short is resumed by another one.
"""

REST_SECONDS = 300
"""The most that an order rests which is open again after its transaction has not swapped.

It rests for a second for each of its events: a transaction that fails on chain costs its fee, and one whose failure no
quote foresees, as with a token that takes a fee for itself, may fail each time.
"""

LEASE_SECONDS = 50.0
"""How long a run holds its order after its claim, after each of its moves, and each time that it asks for a result.

Then another run may claim the order. With the sweep's minute it bounds how long an order stands still. It is longer
than a step may take with all its tries; a run that is slower still loses its order to another one, and can do it no
harm.
"""
