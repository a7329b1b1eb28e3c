"""What the services ask of the outside: stores, queues, clients' connections, venues and the chain.

Every method of a store may raise `StoreUnavailable`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias

if TYPE_CHECKING:
    # Annotations only: a function that needs one port does not import every domain type and the quote maths.
    from datetime import datetime
    from fractions import Fraction
    from uuid import UUID

    from order_engine.dex.routing import Listing
    from order_engine.domain.access import ApiKey, Caller, Scope
    from order_engine.domain.errors import EngineError
    from order_engine.domain.events import Activation, Event
    from order_engine.domain.fills import Change, ClientFill, Interval
    from order_engine.domain.lifecycle import Status, Trigger
    from order_engine.domain.orders import Order, OrderRequest
    from order_engine.domain.pools import RegisteredPool
    from order_engine.domain.quotes import Costs, Offer, Quote
    from order_engine.domain.statistics import Timing
    from order_engine.domain.terms import Wait
    from order_engine.domain.tokens import Mint, Token
    from order_engine.domain.transactions import Fill, Transaction
    from order_engine.domain.webhooks import Delivery, DeliveryState, Webhook

Publish: TypeAlias = "Callable[[Sequence[Event], Sequence[str]], None]"
"""Publishes committed events of one order, in order: to the view of active orders, and to these connections."""

View: TypeAlias = "Callable[[Event], dict[str, Any]]"
"""An event as clients see it."""


class PoolList(NamedTuple):
    """A venue's pools, and why others are missing, by the address of a pool or the name of a venue.

    `now` is the time that its swaps see, in Unix seconds, where that is not the engine's.
    """

    listings: Sequence[Listing]
    unusable: Mapping[str, EngineError]
    now: int | None = None


class Venue(Protocol):
    """A DEX, or several that are asked together."""

    name: str

    def pools(self, tokens: Sequence[str]) -> PoolList:
        """The pools whose tokens are both among these, as they stand now. Raises `VenueUnavailable`.

        Must return or raise within its own deadline.
        """


class Chain(Protocol):
    """Where transactions land. Every method may raise `VenueUnavailable`, within its own deadline."""

    def costs(self, quote: Quote) -> Costs:
        """What a transaction of this quote will cost beside the swap, as far as is known now."""

    def build(self, quote: Quote, min_out: int, order_id: UUID) -> Transaction:
        """Signs the swaps; sends nothing. The transaction carries the order's id.

        Raises `QuoteExpired`, `SlippageExceeded`, `InsufficientFunds`, `ChainRefused`.
        """

    def submit(self, transaction: Transaction) -> None:
        """Sends it. Sent twice, it swaps once.

        Raises `QuoteExpired` when it has not landed and no longer can, `SignatureMismatch`.
        """

    def confirm(self, transaction: Transaction) -> Fill | None:
        """The result, without waiting for it; `None` while there is none and the transaction may still land.

        Raises `SlippageExceeded`, `QuoteExpired`, `InsufficientFunds` or `ChainRefused` when it has not swapped and
        never will.
        """


class Signing(Protocol):
    """Transactions that clients sign, each for a wallet of theirs. The engine has no key for it.

    Every method may raise `VenueUnavailable`, within its own deadline.
    """

    def wallet_at(self, address: str) -> Wallet:
        """The wallet at an address. Raises `ValueError` for text that is not the address of one."""

    def costs(self, quote: Quote, wallet: str) -> Costs:
        """As `Chain.costs`, for the wallet at this address."""

    def prepare(self, quote: Quote, min_out: int, order_id: UUID, wallet: str) -> Transaction:
        """What `Chain.build` would sign, with 64 zero bytes as the signature. Raises what that raises."""

    def signed(self, unsigned: Transaction, wallet: str, wire: str) -> Transaction:
        """The transaction as the client has signed it, from its bytes in base64.

        Raises `ValueError`, with what was expected and what came, unless its message is the unsigned one's, byte for
        byte, and its one signature is the wallet's.
        """

    def simulate(self, transaction: Transaction, slot: int) -> None:
        """Tries a signed transaction without effect, on a node that has reached the slot.

        Raises what it would fail with, and `QuoteExpired` once it can't land any more. One that has landed passes.
        """


class Wallet(Protocol):
    """The wallet that pays for the swaps. Every method may raise `VenueUnavailable`, within its own deadline."""

    address: str

    def balances(self) -> Mapping[str, int]:
        """What the wallet holds of each token that its market has, in base units by symbol: `SOL` is native."""

    def check(self, token_in: str, amount_in: int) -> None:
        """Raises `InsufficientFunds` if the wallet can't pay for an order now, as far as is known."""


class Mints(Protocol):
    """The mints of a market."""

    def facts(self, mint: str) -> Mint:
        """The token of the mint at an address, as it is on chain now. Raises `NotAMint`, `VenueUnavailable`."""


class MintReader(Protocol):
    """The mints of a market, many at a time."""

    @property
    def addresses(self) -> Mapping[str, str]:
        """The addresses of the mints of tokens with symbols, where these have mints."""

    def read(self, mints: Sequence[str]) -> Mapping[str, Mint]:
        """The tokens at those of these addresses that are mints, as they are on chain now. Raises `VenueUnavailable`.

        One call reads about a hundred.
        """


class TokenStore(Protocol):
    """The tokens without a symbol that orders and quotes have named, on each market, for good."""

    def get(self, mint: str, *, here: bool) -> Token | None:
        """The token of a mint: on this market, or unless it must be `here`, on another one that knows the mint."""

    def all(self, limit: int) -> list[Token]:
        """The tokens of this market, at most so many, by their mints."""

    def add(self, token: Token) -> None:
        """Stores a token of this market, unless it is there."""


class Selection(NamedTuple):
    """Those of a client's orders that have all of these that are set.

    They were created from `since` to before `until`, and their ids are below `beyond`.
    """

    type: str | None = None
    pair: tuple[str, str] | None = None
    status: Status | None = None
    client_order_id: str | None = None
    parent_id: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None
    beyond: UUID | None = None


ALL = Selection()


class OrderStore(Protocol):
    """Orders and their events, and the rule that one run at a time moves an order."""

    def insert(
        self,
        id: UUID,
        client_id: UUID,
        request: OrderRequest,
        data: dict[str, Any],
        connection_id: str | None = None,
        idempotency_key: str | None = None,
        linked: tuple[UUID, dict[str, Any]] | None = None,
    ) -> Order:
        """Stores a new order with its first event, and the connection that listens to it, in one transaction.

        So too the order that is linked with it, of which `linked` are the id and the event's data. Returns the client's
        earlier order of that key or `clientOrderId`, if there is one: it has another id. Raises `TooManySubscriptions`.
        """

    def earlier(self, id: UUID, client_id: UUID, request: OrderRequest, idempotency_key: str | None) -> Order | None:
        """The order that this request, or another one with its key, has led to."""

    def get(self, id: UUID) -> Order:
        """The order of any client: for the engine, not for clients. Raises `OrderNotFound`."""

    def owned(self, client_id: UUID, id: UUID) -> Order:
        """The client's order. Raises `OrderNotFound`, for another client's order too."""

    def events(self, id: UUID, after: int = 0) -> list[Event]:
        """The order's events whose `seq` is above `after`, in order; none once they are too old to be kept."""

    def page(self, client_id: UUID, limit: int, selection: Selection) -> tuple[list[Order], UUID | None]:
        """The client's selected orders, newest first, and the `beyond` of the next page, if there is one."""

    def history(self, id: UUID, after: int = 0) -> tuple[list[Event], list[str]]:
        """As `events`, and the connections that listen to the order."""

    def active(self, client_id: UUID, limit: int, with_open: bool) -> list[ActiveOrder]:
        """The newest of the client's orders that run, and of those that are open if they are asked for."""

    def claim(self, id: UUID, run: str) -> Order | None:
        """Makes `run` the only one that may move the order, until its lease ends; returns the order.

        Counts the run, once however often it claims the order. `None` if the order has ended, does not exist or is
        still another run's.
        """

    def renew(self, id: UUID, run: str) -> Order | None:
        """Lengthens the lease of the run that has claimed the order last; returns the order.

        `None` if another one has claimed it since, or it runs no more.
        """

    def release(self, id: UUID, run: str) -> None:
        """Ends the run's lease: another run may claim the order at once."""

    def move(
        self,
        id: UUID,
        run: str,
        trigger: Trigger,
        attempt: int,
        data: dict[str, Any],
        from_status: Status | None = None,
        *,
        linked_id: UUID | None = None,
        **columns: Any,
    ) -> tuple[Event, list[str]] | None:
        """Moves the order by compare-and-set on its status, run and attempt, and stores the event.

        With `from_status`, from that status only, of all in which the trigger is allowed. With `linked_id`, that order
        is cancelled with it if it is open. An order that is returned has no run, attempts or transaction any more.

        Returns the event and the connections that listen to the order. `None` if exactly this move was made before, as
        by a step that is tried again after its answer was lost: then the order as it is stored counts. Raises
        `StaleRun` if the order has ended, belongs to another run or a later attempt by now, or is of another market.
        """

    def cancel(self, client_id: UUID, id: UUID) -> list[UUID]:
        """Ends the client's order, whichever run holds it: that run's next move finds it ended.

        Cancels its linked order too, unless that was sent or has ended. Returns the orders that it has cancelled.
        Changes nothing if the order is cancelled already: then returns it and its linked one. Raises `OrderNotFound`,
        `TooLateToCancel`.
        """

    def take_stalled(self, after: float, limit: int, doublings: int = 0) -> list[UUID]:
        """Running orders that no run holds, the oldest first, and marks them as enqueued now.

        Each was enqueued more than `after` seconds ago. Each time that an order is enqueued again doubles its wait, at
        most `doublings` times. It starts again when a run claims the order.
        """

    def not_enqueued(self, ids: Sequence[UUID]) -> None:
        """The messages of these orders were not sent: their wait starts again."""

    def end_to_republish(self, id: UUID) -> list[UUID]:
        """The order and its linked one, if its last run has ended and `end_republished` was not called since.

        Then the order has ended too, or it is open again.
        """

    def end_republished(self, id: UUID) -> None:
        """Records that all events of an order were published once more after its last run."""


class Group(NamedTuple):
    """Open orders of one direction of a pair that wait alike, with amounts from `2 ** size` to below `2 ** (size + 1)`.

    `trigger_out` and `amount_in` are those of the order that a moving price reaches first: the lowest ratio of the two
    among orders that wait for at least their trigger, the highest among the others.
    """

    token_in: str
    token_out: str
    waits_for: Wait
    size: int
    trigger_out: int
    amount_in: int


class Moved(NamedTuple):
    """A committed move: its event, and the connections that listen to the order."""

    event: Event
    listeners: list[str]


class SliceSums(NamedTuple):
    """The slices of a recurring order: how many have not ended, how many were filled, and the amounts of those.

    In base units: `amount_spent` of the input token, `amount_out` of the output token.
    """

    running: int
    confirmed: int
    amount_spent: int
    amount_out: int


class Lease(NamedTuple):
    """What a watcher knows after it has asked for the lease.

    `is_held`: it is the only watcher from now on. `is_wanted`: another one waits for it to hand over. `notes` are those
    that the watcher before has left. `is_inherited`: that one has died, and may not have published its last moves.
    """

    is_held: bool
    is_wanted: bool
    notes: dict[str, Any]
    is_inherited: bool = False


class Waiting(NamedTuple):
    """How many orders are open, and whether a watcher has died and none has followed it."""

    open: int
    is_abandoned: bool = False


class OpenOrders(Protocol):
    """The orders of one market that wait, and the rule that one watcher at a time looks after them.

    Every move compares the order's status and `seq` with those of the order that was read: one that has changed since
    is left alone.
    """

    def take_lease(self, holder: str, seconds: float, wait: bool = False) -> Lease:
        """Makes `holder` the only watcher for that long, unless another one is.

        With `wait`, the other one learns at its next call that this one waits. The notes stay as they are.
        """

    def release_lease(self, holder: str, notes: dict[str, Any]) -> None:
        """Lets another watcher begin at once, with these notes."""

    def is_watched(self) -> bool:
        """Whether a watcher holds the lease."""

    def waiting(self) -> Waiting:
        """What there is to look after."""

    def heard_lately(self) -> list[tuple[list[Event], list[str]]]:
        """All events of each order of these that has changed in the last minutes, with the connections that listen."""

    def groups(self) -> list[Group]:
        """The groups of orders that wait for a price."""

    def candidates(self, group: Group, bound: Fraction, after: Order | None, limit: int) -> list[Order]:
        """Orders of a group whose trigger, in units paid for one unit, lies within `bound`, the first reached first.

        At most the bound for orders that wait for at least their trigger, at least the bound for the others. `after` is
        the last order of the page before.
        """

    def waiting_for_pools(self) -> list[Order]:
        """The orders that wait for a pool, the oldest first."""

    def due(self, after: Order | None, limit: int) -> list[Order]:
        """Recurring orders that are due, the longest due first. `after` is the last order of the page before."""

    def expire(self, limit: int) -> list[Moved]:
        """Ends orders whose time is over."""

    def activate(self, orders: Sequence[tuple[Order, Activation]]) -> list[Moved]:
        """Makes these orders pending, marked as enqueued now, in one statement.

        Leaves out an order whose linked one runs or is filled.
        """

    def reach(self, order: Order) -> Moved | None:
        """Has a stop order with a limit wait for its limit from now on."""

    def insert_slice(self, parent: Order, id: UUID, interval: float) -> tuple[Moved, Event] | None:
        """Stores the next slice of a recurring order as a new order, and the parent's event, in one statement.

        The parent is due again at the first time that is yet to come of those that follow its due time every `interval`
        seconds. Returns the parent's move and the slice's event; `None` if another watcher was faster.
        """

    def postpone(self, order: Order, seconds: float) -> None:
        """Has a recurring order be due again that many seconds from now."""

    def slice_sums(self, parent: Order) -> SliceSums:
        """The sums of a recurring order's slices."""

    def complete(self, parent: Order, sums: SliceSums) -> Moved | None:
        """Ends a recurring order with its sums: confirmed, or failed if no slice was filled."""

    def refuse(self, order: Order, error: EngineError) -> Moved | None:
        """Fails an open order."""


class StandingOrders(Protocol):
    """The orders of clients that these may still change."""

    def replace(self, order: Order, request: OrderRequest, data: dict[str, Any]) -> tuple[Order, list[str]] | None:
        """Gives an open order the amount, terms and expiry of the request, with an `open` event.

        Returns the order as it is then, and the connections that listen to it. `None` if it has changed since it was
        read.
        """

    def cancel_all(self, client_id: UUID, selection: Selection, limit: int = 1_000) -> tuple[list[UUID], bool]:
        """Ends up to `limit` of the client's selected orders that can be cancelled, each with its linked order.

        Returns their ids, and whether no other ones are left.
        """

    def histories(self, ids: Sequence[UUID]) -> list[tuple[list[Event], list[str]]]:
        """All events of each order, in order, and the connections that listen to it."""


class Fills(Protocol):
    """What the orders of clients have paid and received."""

    def page(self, client_id: UUID, limit: int, selection: Selection) -> tuple[list[ClientFill], UUID | None]:
        """The client's fills of a pair and of a time, the newest first, and the `beyond` of the next page, if any."""

    def changes(self, client_id: UUID, since: datetime, until: datetime, interval: Interval) -> list[Change]:
        """What the client's fills of this market have changed of each token, costs included, in order of time."""


class Statistics(Protocol):
    """What the orders of clients have come to, in any market."""

    def counts(self, client_id: UUID, at_most: int) -> dict[Status, int]:
        """How many of the client's orders are in each status. Counts no further than `at_most`."""

    def timings(self, client_id: UUID, limit: int) -> tuple[list[Timing], bool]:
        """The client's newest orders that have ended, the newest first, and whether these are all."""


class QuoteStore(Protocol):
    """Quotes that were offered to clients."""

    def insert(self, client_id: UUID, offer: Offer) -> None:
        """Stores an offer."""

    def get(self, id: UUID) -> Offer:
        """The offer to any client: for the engine, not for clients. Raises `QuoteNotFound`."""

    def owned(self, client_id: UUID, id: UUID) -> Offer:
        """The client's offer. Raises `QuoteNotFound`, for another client's too."""

    def delete_expired(self, limit: int) -> int:
        """Deletes up to `limit` offers that are too old to be named, unless an order has named them.

        Returns how many.
        """


class PoolRegistry(Protocol):
    """The pools of one cluster of Solana that the engine may trade in, or an operator has forbidden."""

    def enabled(self, tokens: Sequence[str]) -> list[RegisteredPool]:
        """The enabled pools whose tokens are both among these, as pools trade them: `SOL`, never `wSOL`."""

    def all(self) -> list[RegisteredPool]:
        """Every pool, by its tokens."""

    def add(self, pool: RegisteredPool) -> None:
        """Stores a pool in place of what was known of it. One that is known by hand is replaced only by hand."""

    def remove(self, address: str) -> bool:
        """Disables a pool by hand, so that no discovery enables it again. `False` if it is unknown."""

    def disable(self, addresses: Sequence[str]) -> None:
        """Disables those of these pools that were discovered."""

    def set_companions(self, address: str, companions: Sequence[str]) -> None:
        """Stores the accounts that the last quote of a pool needed beside its own."""


class FoundPools(NamedTuple):
    """Pools of one pair: the deepest that can be traded in, and by address those that can't, and why."""

    usable: Sequence[RegisteredPool]
    unusable: Mapping[str, EngineError]


class SearchRefused(Exception):
    """No node lists the accounts of a program. Pools can still be registered by hand."""


class PoolSource(Protocol):
    """Where pools are found on chain. Every method may raise `VenueUnavailable`."""

    @property
    def programs(self) -> Sequence[str]:
        """The programs whose pools are searched, by the kind of their pools."""

    @property
    def tokens(self) -> Sequence[str]:
        """The tokens whose pools are searched, as pools trade them."""

    def search(self, program: str, tokens: tuple[str, str], limit: int) -> FoundPools:
        """The pools of a program that trade these two tokens, at most `limit` usable ones. Raises `SearchRefused`."""

    def check(self, address: str) -> RegisteredPool:
        """The pool at an address, as it may be registered by hand.

        Raises `CorruptPool`, `UnsupportedPool`, and `ValueError` for text that is no address.
        """


class SubscriptionStore(Protocol):
    """Which connection listens to which order."""

    def subscribe(
        self, connection_id: str, client_id: UUID, order_id: UUID, after: int, send: Callable[[Event], None]
    ) -> None:
        """Sends a connection the events of its client's order above `after`, and subscribes it to those that follow.

        An order that has ended is not subscribed to. The order stays where it is meanwhile: the next event is written,
        and so sent, after these. Raises `OrderNotFound`, `TooManySubscriptions`.
        """

    def unsubscribe(self, connection_id: str, order_id: UUID) -> None:
        """Removes one subscription, if there is one."""

    def remove_connections(self, connection_ids: Sequence[str]) -> None:
        """Removes connections that are gone, and all their subscriptions."""

    def expire_connections(self, connection_ids: Sequence[str]) -> None:
        """Removes the subscriptions of connections that must be closed, and makes the connections overdue."""

    def delete_ended(self, ttl: float) -> None:
        """Deletes the subscriptions to orders that ended more than `ttl` seconds ago."""


class ConnectionStore(Protocol):
    """Which WebSocket connections are open, and with which key each was opened."""

    def open(self, connection_id: str, caller: Caller, limit: int) -> bool:
        """Records a connection; `False` if its client has `limit` already. 0 is no limit."""

    def oldest(self, caller: Caller, count: int) -> list[str]:
        """The client's connections that have been open the longest."""

    def overdue(self) -> list[str]:
        """Connections whose key is revoked or has expired, that must close, or are older than API Gateway allows."""


class CredentialStore(Protocol):
    """API keys and tickets."""

    def caller_with_key(self, key: str) -> Caller | None:
        """The caller whose key it is; `None` if the key is unknown, revoked or expired. Notes that it is used."""

    def redeem(self, ticket: str) -> Caller | None:
        """The caller to whom the ticket was issued, the first time.

        `None` if it is used, expired or unknown, or its key is revoked or expired.
        """


class KeyStore(Protocol):
    """API keys as those who manage them see them. An `actor` is who does something to a key, for the audit."""

    def key_of(self, caller: Caller) -> ApiKey:
        """The key that the caller uses."""

    def list_keys(self, client_id: UUID) -> list[ApiKey]:
        """Every key of the client, oldest first."""

    def add_key(self, client: str, key: str, scope: Scope, expires_at: datetime | None, actor: str) -> ApiKey:
        """Adds this key to the client with this name. Raises `ValueError` for an expiry that is over."""

    def revoke(self, key_id: UUID, client_id: UUID, actor: str) -> ApiKey | None:
        """Revokes a key of the client; `None` if it has none with this id. A repeated call changes nothing."""


class EventPartitions(Protocol):
    """The tables that hold events, one per day."""

    def maintain(self) -> None:
        """Makes the partitions of the days to come, and drops the oldest one whose retention has ended."""


class ActiveOrder(NamedTuple):
    """An order that has not ended: the event with which it began to run, or to wait, and its newest event."""

    request: Event
    newest: Event


class Filling(NamedTuple):
    """One reader's right to fill the view of a client's active orders. A later reader takes it over."""

    client_id: UUID
    token: str


class ActiveOrders(Protocol):
    """A view of running orders for fast readers, never the authority: its failures are logged."""

    def show(self, events: Sequence[Event]) -> None:
        """Shows the last of these events of one order, which name its client; removes the order when it has ended."""


class ActiveOrderView(Protocol):
    """The readers' side of `ActiveOrders`."""

    def running(self, client_id: UUID) -> list[ActiveOrder] | Filling:
        """The client's running orders, newest first, in one round trip.

        Where they are not all known, the right to fill the view with what the store says from now on.
        """

    def fill(self, filling: Filling, orders: Sequence[ActiveOrder]) -> None:
        """Shows all running orders of a client as they were read since, and what has happened meanwhile."""


class Allowance(NamedTuple):
    """How much a client may still do, and when, in Unix seconds, its whole allowance is back."""

    limit: int
    remaining: int
    reset: int


class RateLimit(Protocol):
    """How often a client may do something in a minute. `what` is its word in the singular, such as `order`."""

    what: str
    per_minute: int

    def take(self, client_id: UUID) -> float:
        """Takes one token: 0, or the seconds until there is one."""

    def left(self, client_id: UUID) -> Allowance | None:
        """What the client's last `take` has left it. `None` if nothing was counted since this was asked last."""


QUEUE_BATCH = 10
"""How many messages a queue takes in one call."""


class OrderQueue(Protocol):
    """The queue that gates how many orders run at once."""

    def enqueue(self, order_id: UUID, published_seq: int = 0) -> None:
        """Sends the message that makes an order run. `published_seq` is the last event known to be published."""

    def enqueue_all(self, published: Mapping[UUID, int]) -> list[UUID]:
        """Sends the messages of up to `QUEUE_BATCH` orders in one call. Returns the orders that were refused.

        Each order comes with the `seq` of its last event that is known to be published; 0 if none is.
        """

    def is_empty(self) -> bool:
        """Whether no message waits, as far as the queue knows."""


class ReplayQueue(Protocol):
    """The queue of connections that wait for events they have missed."""

    def enqueue(self, connection_id: str, client_id: UUID, order_id: UUID) -> None:
        """Has the order's events replayed to the connection once it is open."""


class ExecutionResult(NamedTuple):
    """How an execution ended. `status` is Step Functions' word; `error` and `cause` are there unless it succeeded."""

    status: str
    error: str | None
    cause: str | None


class StateMachine(Protocol):
    """The state machine that runs one order."""

    def run(self, name: str, input: dict[str, Any]) -> ExecutionResult:
        """Runs one execution to its end. Never starts a second one for the same call."""


class ConnectionGone(Exception):
    """The client is not connected, or not yet."""


class ConnectionRefused(Exception):
    """The call to a connection failed, and it is unclear whether another one would succeed."""


class Connections(Protocol):
    """The WebSocket connections of clients."""

    def send(self, connection_id: str, message: dict[str, Any]) -> None:
        """Sends a message. Raises `ConnectionGone`, `ConnectionRefused`. May be called by several threads at once."""

    def is_open(self, connection_id: str) -> bool:
        """Whether the connection is open. `True` too if API Gateway does not say."""

    def close(self, connection_id: str) -> None:
        """Closes a connection, which may be gone already. Raises `ConnectionRefused`."""


class WebhookStore(Protocol):
    """Clients' webhooks. A method that takes an id raises `WebhookNotFound`, for another client's webhook too."""

    def add(
        self, client_id: UUID, url: str, statuses: frozenset[Status] | None, secret: str, limit: int
    ) -> tuple[Webhook, bool]:
        """Stores a webhook that gets the events that follow of all the client's orders, and whether it is the only one.

        Raises `WebhookExists`, and `TooManyWebhooks` for a client that has `limit` already.
        """

    def of_client(self, client_id: UUID) -> Sequence[Webhook]:
        """The client's webhooks, the oldest first."""

    def delete(self, client_id: UUID, id: UUID) -> None:
        """Deletes a webhook with its deliveries: nothing more is sent, but for what is on its way."""

    def deliveries(self, client_id: UUID, id: UUID, state: DeliveryState | None, limit: int) -> Sequence[Delivery]:
        """Deliveries, the last changed first. Of a `state`, or those of all states."""

    def redeliver(self, client_id: UUID, id: UUID) -> int:
        """Has all orders' events that are parked, or wait for another attempt, be sent now. Returns for how many."""


class WebhookTargets(Protocol):
    """Where webhooks may lead."""

    def check(self, url: str) -> None:
        """Raises `ValueError`, saying what was expected, if a URL may not be called as its host resolves now."""


class Claim(NamedTuple):
    """The right to send one order's events to one webhook, until the time `until` of the store's clock.

    Events up to `seq` are taken. The order had events up to `last_seq`. `attempts` failed for the next one, the first
    `failing_seconds` ago. `is_failing`: the webhook's last attempts have failed, for whichever orders.
    """

    webhook_id: UUID
    order_id: UUID
    url: str
    secret: str
    statuses: Sequence[str] | None
    seq: int
    last_seq: int
    attempts: int
    failing_seconds: float
    is_failing: bool
    until: datetime


class Deliveries(Protocol):
    """How far the events of each order are delivered to each webhook. A claim that is out of date changes nothing."""

    def follow(self) -> bool:
        """Begins to deliver the events of orders that are new, and forgets old ones. Whether there are webhooks."""

    def claim(self, free: int, free_for_failing: int, sending: Mapping[UUID, int]) -> Sequence[Claim]:
        """Up to `free` orders with events to send now, for a minute. `sending` counts the claims held, by webhook.

        Of webhooks whose last attempts have failed, up to `free_for_failing`.
        """

    def delivered(self, claim: Claim, seq: int) -> Claim | None:
        """The event is taken. The claim for the next ones, for another minute; `None` if it is out of date."""

    def release(self, claim: Claim, seq: int) -> None:
        """All events up to `seq` are taken, or were not asked for."""

    def failed(self, claim: Claim, error: str, pause: float | None) -> None:
        """The next event was not taken. It is sent again after `pause` seconds, or else it is parked."""

    def postpone(self, claim: Claim, pause: float) -> None:
        """The next event could not be sent, which is not the receiver's fault."""


class SenderUnavailable(Exception):
    """Nothing was sent: the function that sends can't be invoked now."""


class Sender(Protocol):
    """Sends messages to clients' addresses. May be called by several threads at once."""

    def send(self, url: str, headers: Mapping[str, str], body: str) -> str | None:
        """`None` if the receiver has taken the message, or else why not. Raises `SenderUnavailable`."""


class Database(Protocol):
    """SQL statements that stand alone, with psycopg's `%(name)s` parameters."""

    def fetch(self, statement: str, parameters: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """The rows of a statement. It may be sent twice, so it must be harmless when repeated."""

    def execute(self, statement: str, parameters: Mapping[str, Any] | None = None) -> None:
        """Like `fetch`, for a statement without rows."""
