"""No event is lost and none overtakes another one, while receivers fail and deliverers are killed in the middle."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from random import Random

from order_engine.domain.lifecycle import Status
from order_engine.domain.webhooks import LONGEST_PAUSE
from order_engine.storage.database import Database
from order_engine.storage.orders import PostgresOrderStore
from tests.support.concurrency import eventually
from tests.support.hooks import add_webhook, deliverer, lead, pass_time
from tests.support.orders import new_order
from tests.support.receiver import Message, Receiver, receiver

ROOT = Path(__file__).parents[3]
ROUNDS = 12
"""How often a deliverer is killed. Each time there are two more orders."""

DELIVER = """
import sys
from order_engine.storage.database import Database
from tests.support.hooks import DirectSender, deliverer

deliverer(Database(sys.argv[1]), DirectSender(0.2)).run(600)
"""


def test_no_event_is_lost_and_the_order_is_kept(
    database: Database, orders: PostgresOrderStore, engine_url: str
) -> None:
    random, lost_answers = Random(7), list[Message]()
    command = [sys.executable, "-c", DELIVER, engine_url]

    def answer(message: Message) -> int | None:
        chance = random.random()
        if chance < 0.6:
            return 200
        if chance < 0.8:
            # It takes the message, and the answer is lost.
            receiving.taken.append(message)
            lost_answers.append(message)
            return 0
        return random.choice((500, 302, None))

    with receiver() as receiving:
        _, secret = add_webhook(database, receiving.url)
        receiving.answer = answer
        ids = []
        for _ in range(ROUNDS):
            ids += [new_order(orders).id for _ in range(2)]
            before = len(receiving.attempts)
            with subprocess.Popen(command, cwd=ROOT, env={"PYTHONPATH": f"{ROOT}:{ROOT / 'layers/common'}"}) as killed:
                attempted(receiving, before + 1)
                # Events come while it runs.
                lead(orders, ids[-1], Status.CONFIRMED)
                lead(orders, ids[-2], Status.SUBMITTED)
                attempted(receiving, before + random.randint(1, 2))
                killed.kill()
            # Its claims lapse, and the next attempts are due.
            pass_time(database, LONGEST_PAUSE)
        receiving.answer = lambda message: 200
        # The last statement of one that was killed may still be carried out: its claim lapses too.
        eventually(lambda: delivered_all(database))
        seqs = receiving.seqs()
        assert seqs.keys() == {str(id) for id in ids}
        for number, id in enumerate(ids):
            expected = [1, 2, 3, 4, 5] if number % 2 else [1, 2, 3, 4]
            # Some came twice, at once after the first time.
            assert list(dict.fromkeys(seqs[str(id)])) == expected
            assert seqs[str(id)] == sorted(seqs[str(id)])
        assert lost_answers
        assert all(message.is_signed_with(secret) for message in receiving.taken)


def attempted(receiving: Receiver, count: int) -> None:
    eventually(lambda: len(receiving.attempts) >= count)


def delivered_all(database: Database) -> bool:
    pass_time(database, LONGEST_PAUSE)
    deliverer(database).run(0)
    left = "SELECT FROM deliveries JOIN orders ON orders.id = order_id WHERE deliveries.seq < orders.seq"
    return not database.fetch(left)
