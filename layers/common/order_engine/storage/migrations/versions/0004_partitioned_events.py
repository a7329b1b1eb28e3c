"""Partitions the events by day. A function makes the partitions ahead and drops old ones.

An order's id begins with its time (UUIDv7), so a range of ids is a range of time: all events of an order are in one
partition, and the primary key stays (order_id, seq).
"""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"

_COLUMNS = """
    order_id uuid NOT NULL REFERENCES orders,
    seq      integer NOT NULL,
    status   text NOT NULL,
    at       timestamptz NOT NULL,
    attempt  integer NOT NULL,
    data     jsonb NOT NULL,
    PRIMARY KEY (order_id, seq)"""


def upgrade() -> None:
    op.execute("ALTER TABLE order_events RENAME TO order_events_before")
    op.execute("ALTER TABLE order_events_before RENAME CONSTRAINT order_events_pkey TO order_events_before_pkey")
    op.execute(f"CREATE TABLE order_events ({_COLUMNS}) PARTITION BY RANGE (order_id)")
    # Takes the events that belong to no other partition, so that no event is ever refused.
    op.execute("CREATE TABLE order_events_default PARTITION OF order_events DEFAULT")
    # The first UUIDv7 of a day, UTC.
    op.execute("""
        CREATE FUNCTION first_id(day date) RETURNS uuid IMMUTABLE STRICT LANGUAGE sql AS $$
            SELECT (lpad(to_hex(extract(epoch FROM day::timestamp)::bigint * 1000), 12, '0') || repeat('0', 20))::uuid
        $$""")
    op.execute("""
        CREATE VIEW event_partitions AS
        SELECT relname::text AS name,
               coalesce(substring(bounds FROM $$FROM \\('([^']+)'$$)::uuid, first_id('1970-01-01')) AS first,
               substring(bounds FROM $$TO \\('([^']+)'$$)::uuid AS beyond
        FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid, pg_get_expr(relpartbound, inhrelid) AS bounds
        WHERE inhparent = 'order_events'::regclass AND bounds <> 'DEFAULT'""")
    # Whether no order of the range runs or has a listener. A listener may get an order's end for an hour after it.
    op.execute("""
        CREATE FUNCTION are_over(first uuid, beyond uuid) RETURNS boolean STABLE STRICT LANGUAGE sql AS $$
            SELECT NOT EXISTS (
                SELECT FROM orders WHERE status IN ('pending', 'routing', 'building', 'submitted')
                    AND id >= first AND id < beyond
            ) AND NOT EXISTS (SELECT FROM subscriptions WHERE order_id >= first AND order_id < beyond)
        $$""")
    # Runs with the rights of the tables' owner, so that its callers need not be able to alter a table. It waits for a
    # lock for a second only, since other statements wait behind it; the next call does what it could not do. It locks
    # orders first, like the statements that write both tables: a partition's foreign key needs that lock.
    op.execute("""
        CREATE FUNCTION keep_event_partitions(ahead integer, retention integer, OUT made text[], OUT dropped text[])
        LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET lock_timeout = '1s' AS $$
            DECLARE
                today CONSTANT date := (now() AT TIME ZONE 'UTC')::date;
                day date;
                name text;
                old record;
            BEGIN
                made := '{}';
                dropped := '{}';
                IF (ahead BETWEEN 0 AND 366 AND retention >= 0) IS NOT TRUE THEN
                    RAISE 'expected 0 to 366 days ahead and 0 or more to keep, was % and %', ahead, retention;
                END IF;
                IF NOT pg_try_advisory_xact_lock(4711000002) THEN
                    RETURN;
                END IF;

                FOR day IN
                    SELECT today + n FROM generate_series(0, ahead) AS n WHERE NOT EXISTS (
                        SELECT FROM event_partitions WHERE first <= first_id(today + n) AND beyond > first_id(today + n)
                    )
                LOOP
                    name := 'order_events_' || to_char(day, 'YYYYMMDD');
                    BEGIN
                        LOCK TABLE orders IN SHARE ROW EXCLUSIVE MODE;
                        LOCK TABLE order_events_default IN ACCESS EXCLUSIVE MODE;
                        -- Too many events to move at once stay in the default partition, with the day's others.
                        CONTINUE WHEN EXISTS (
                            SELECT FROM order_events_default
                            WHERE order_id >= first_id(day) AND order_id < first_id(day + 1) OFFSET 10000
                        );
                        EXECUTE format('CREATE TABLE %I (LIKE order_events INCLUDING ALL)', name);
                        EXECUTE format(
                            'WITH moved AS ('
                                'DELETE FROM order_events_default WHERE order_id >= %L AND order_id < %L RETURNING *'
                            ') INSERT INTO %I SELECT * FROM moved', first_id(day), first_id(day + 1), name
                        );
                        EXECUTE format(
                            'ALTER TABLE order_events ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                            name, first_id(day), first_id(day + 1)
                        );
                        made := made || name;
                    EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
                        EXIT;
                    END;
                END LOOP;

                IF retention > 0 THEN
                    -- One per call, so that no statement waits for more than one.
                    SELECT * INTO old FROM event_partitions AS partition
                    WHERE beyond <= first_id(today - retention) AND are_over(first, beyond) ORDER BY beyond LIMIT 1;
                    IF FOUND THEN
                        BEGIN
                            LOCK TABLE ONLY order_events IN ACCESS EXCLUSIVE MODE;
                            IF are_over(old.first, old.beyond) THEN
                                EXECUTE format('DROP TABLE %I', old.name);
                                dropped := ARRAY[old.name];
                            END IF;
                        EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
                            NULL;
                        END;
                    END IF;
                END IF;
            END
        $$""")
    op.execute("REVOKE EXECUTE ON FUNCTION keep_event_partitions FROM PUBLIC")
    # The old table becomes a partition up to the end of today: Postgres reads it once and copies nothing.
    op.execute("""
        DO $$
            DECLARE
                bound CONSTANT uuid := first_id((now() AT TIME ZONE 'UTC')::date + 1);
            BEGIN
                WITH later AS (DELETE FROM order_events_before WHERE order_id >= bound RETURNING *)
                INSERT INTO order_events SELECT * FROM later;
                IF EXISTS (SELECT FROM order_events_before) THEN
                    EXECUTE format(
                        'ALTER TABLE order_events ATTACH PARTITION order_events_before '
                            'FOR VALUES FROM (MINVALUE) TO (%L)', bound
                    );
                ELSE
                    DROP TABLE order_events_before;
                END IF;
            END
        $$""")
    op.execute("SELECT keep_event_partitions(7, 0)")


def downgrade() -> None:
    op.execute("DROP FUNCTION keep_event_partitions, are_over")
    op.execute("DROP VIEW event_partitions")
    op.execute("DROP FUNCTION first_id")
    op.execute("ALTER TABLE order_events RENAME TO order_events_partitioned")
    op.execute(
        "ALTER TABLE order_events_partitioned RENAME CONSTRAINT order_events_pkey TO order_events_partitioned_pkey"
    )
    op.execute(f"CREATE TABLE order_events ({_COLUMNS})")
    op.execute("INSERT INTO order_events SELECT * FROM order_events_partitioned")
    op.execute("DROP TABLE order_events_partitioned")
