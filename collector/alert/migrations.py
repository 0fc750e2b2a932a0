"""The tables of alerts in ``state.db``.

- ``alert``: one row an alert; times are microseconds since the epoch, ``group_key`` is a JSON list of [field, value],
  ``tags`` a JSON list.  ``status`` is ``open`` or ``resolved``.  ``event_ids`` is a JSON list of the ids of the first
  events, in the order they were counted; their number is bounded, ``events`` is not.  (Once a table of its own, where
  a row an event cost four times as much as all the rest of an alert.)
- ``outbox``: notifications.  ``id`` is the idempotency key: alert, what happened to it, channel.  ``payload`` is the
  very body that every attempt sends.  ``delivered`` is when the channel took it.
- ``rule_watermark``: up to which arrival number the rules have read, and when that event was received; one row.
  ``ticked``: up to which time the clock has ended what was quiet.
"""

from sqlite_utils import Migrations
from sqlite_utils.db import Database

MIGRATIONS = Migrations("alert")


@MIGRATIONS()
def create_alert_tables(db: Database) -> None:
    """Create the first tables."""
    for statement in _TABLES.split(";"):
        db.execute(statement)


@MIGRATIONS()
def keep_event_ids_with_their_alert(db: Database) -> None:
    """Move the ids of an alert's events into its row."""
    for statement in _EVENT_IDS.split(";"):
        db.execute(statement)


@MIGRATIONS()
def remember_the_clock(db: Database) -> None:
    """Add to the watermark up to when the clock has ended what was quiet."""
    db.execute("alter table rule_watermark add column ticked integer not null default 0")


_TABLES = """
create table alert (
    id text primary key,
    status text not null check (status in ('open', 'resolved')),
    rule_id text not null,
    title text not null,
    level text not null,
    description text,
    response text,
    runbook text,
    tags text not null,
    falsepositives text not null,
    group_key text not null,
    track text not null,
    events integer not null,
    first integer not null,
    last integer not null,
    holds_from integer not null,
    holds_until integer not null,
    received integer not null,
    opened integer not null,
    resolved integer,
    resolution text
) strict;
create index alert_newest on alert (opened, id);
create index alert_by_status on alert (status, opened, id);
create index alert_by_rule on alert (rule_id, opened, id);
create table alert_event (
    alert_id text not null references alert (id),
    position integer not null,
    event_id text not null,
    primary key (alert_id, position),
    unique (alert_id, event_id)
) strict, without rowid;
create table outbox (
    number integer primary key,
    id text not null unique,
    alert_id text not null references alert (id),
    channel text not null,
    payload text not null,
    created integer not null,
    attempts integer not null default 0,
    next_attempt integer not null,
    last_error text,
    delivered integer
) strict;
create index outbox_waiting on outbox (channel, next_attempt) where delivered is null;
create index outbox_by_alert on outbox (alert_id, channel);
create table rule_watermark (
    id integer primary key check (id = 1),
    number integer not null,
    received integer not null
) strict"""

_EVENT_IDS = """
alter table alert add column event_ids text not null default '[]';
update alert set event_ids = (
    select json_group_array(event_id) from (
        select event_id from alert_event where alert_id = alert.id order by position));
drop table alert_event"""
