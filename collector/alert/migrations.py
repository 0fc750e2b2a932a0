"""The tables of alerts in ``state.db``.  Times are microseconds since the epoch.

- ``alert``: one row an alert, numbered in the order of writing; ``group_key`` is a JSON list of [field, value],
  ``brief`` the number of what its rule said when it opened.  ``event_ids`` is a JSON list of the ids of the first
  events, in the order they were counted; their number is bounded, ``events`` is not.
  ``resolved`` and ``resolution`` say when and why its rule was done with it, and are null while it may go on.
  ``status`` (``open``, ``acknowledged``, ``resolved``) is what people see.  ``closed``, ``closed_by`` and
  ``closed_note``: since when it is resolved and by whom (null: by its rule); ``acknowledged…``: who looks after it.
  ``silenced_by`` is the silence and ``inhibited_by`` the alert that keeps it quiet (now, or when it was resolved).
  ``disposition…``: what it turned out to be.  ``shadow``: its rule was on trial when it opened; nobody is told of it.
- ``alert_brief``: what rules say of their alerts, each wording once; ``tags`` and ``falsepositives`` are JSON lists.
- ``alert_transition``: what happened to alerts, in order; ``alert`` is the alert's number, ``by`` a token's name (null
  for the rules and the clock).  Of an alert's ``updated`` only the latest is kept.
- ``silence``: who hides which alerts, why and until when.  ``warn`` is when its end is announced; ``warned`` and
  ``told`` say that this, and its end, is done.
- ``alert_exception``: events that do not count for a rule; ``fields`` is a JSON list of [field, value].  It holds from
  the arrival number ``since`` (null: the rules have not taken it up yet) for events before ``until``.  ``ended`` and
  ``ended_number``: when somebody took it out, and from which arrival number on that holds.  ``events`` and ``last``:
  how many matches it kept from counting, and when the latest of them happened.
- ``alert_report``: events of the collector's own on their way into the store.
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


@MIGRATIONS()
def give_alerts_a_life(db: Database) -> None:
    """Let people act on alerts.  The table is made anew: a check of a column cannot be changed.

    What happened before is no transition: nobody is to be told of it once more.
    """
    for statement in _LIFE.split(";"):
        db.execute(statement)


@MIGRATIONS()
def mark_shadow_alerts(db: Database) -> None:
    """Let alerts of rules on trial be told apart."""
    db.execute("alter table alert add column shadow integer not null default 0 check (shadow in (0, 1))")


@MIGRATIONS()
def keep_what_rules_say_once(db: Database) -> None:
    """Move what alerts repeat of their rule into rows of its own, and let transitions point to an alert's number.

    With every alert that opens, pages of several indexes are written, and the text was most of its row: so both are
    as small as they can be.
    """
    for statement in _BRIEFS.split(";"):
        db.execute(statement)


@MIGRATIONS()
def give_alerts_without_events_a_time(db: Database) -> None:
    """Give alerts whose events a full window had forgotten a first and a last time that can be shown."""
    db.execute("update alert set first = holds_from, last = holds_until where first > last")


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

_OLD_COLUMNS = """
    id, status, rule_id, title, level, description, response, runbook, tags, falsepositives, group_key, track, events,
    first, last, holds_from, holds_until, received, opened, resolved, resolution, event_ids"""

_LIFE = f"""
create table alert_with_life (
    id text primary key,
    status text not null check (status in ('open', 'acknowledged', 'resolved')),
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
    resolution text,
    event_ids text not null default '[]',
    acknowledged integer,
    acknowledged_by text,
    acknowledged_note text,
    closed integer,
    closed_by text,
    closed_note text,
    silenced_by text,
    inhibited_by text,
    disposition text check (disposition in ('true_positive', 'false_positive', 'benign')),
    disposition_at integer,
    disposition_by text,
    disposition_note text
) strict;
insert into alert_with_life ({_OLD_COLUMNS}, closed) select {_OLD_COLUMNS}, resolved from alert;
drop table alert;
alter table alert_with_life rename to alert;
create index alert_newest on alert (opened, id);
create index alert_by_status on alert (status, opened, id);
create index alert_by_rule on alert (rule_id, opened, id);
create index alert_unresolved on alert (rule_id) where status <> 'resolved';
create index alert_going_on on alert (opened, id) where resolved is null;
create table alert_transition (
    number integer primary key autoincrement,
    alert_id text not null,
    kind text not null,
    time integer not null,
    "by" text,
    note text
) strict;
create index alert_transition_by_alert on alert_transition (alert_id, number);
create unique index alert_transition_updated on alert_transition (alert_id) where kind = 'updated';
create table silence (
    id text primary key,
    matchers text not null,
    author text not null,
    reason text not null,
    created integer not null,
    starts integer not null,
    ends integer not null,
    warn integer not null,
    warned integer,
    ended integer,
    ended_by text,
    told integer
) strict;
create index silence_by_end on silence (ends);
create table alert_exception (
    id text primary key,
    rule_id text not null,
    title text not null,
    alert_id text not null,
    fields text not null,
    author text not null,
    reason text not null,
    created integer not null,
    until integer not null,
    since integer,
    ended integer,
    ended_by text,
    ended_number integer,
    events integer not null default 0,
    last integer,
    told integer
) strict;
create table alert_report (
    id integer primary key autoincrement,
    key text not null,
    document blob not null
) strict"""

_KEPT_COLUMNS = """
    id, status, rule_id, group_key, track, events, first, last, holds_from, holds_until, received, opened, resolved,
    resolution, event_ids, acknowledged, acknowledged_by, acknowledged_note, closed, closed_by, closed_note,
    silenced_by, inhibited_by, disposition, disposition_at, disposition_by, disposition_note, shadow"""
_BRIEF_COLUMNS = ("title", "level", "description", "response", "runbook", "tags", "falsepositives")

_BRIEFS = f"""
create table alert_brief (
    number integer primary key,
    title text not null,
    level text not null,
    description text,
    response text,
    runbook text,
    tags text not null,
    falsepositives text not null
) strict;
insert into alert_brief ({", ".join(_BRIEF_COLUMNS)}) select distinct {", ".join(_BRIEF_COLUMNS)} from alert;
create table alert_with_brief (
    number integer primary key,
    brief integer not null,
    shadow integer not null check (shadow in (0, 1)),
    id text not null unique,
    rule_id text not null,
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
    resolution text,
    status text not null check (status in ('open', 'acknowledged', 'resolved')),
    closed integer,
    event_ids text not null,
    closed_by text,
    closed_note text,
    acknowledged integer,
    acknowledged_by text,
    acknowledged_note text,
    silenced_by text,
    inhibited_by text,
    disposition text check (disposition in ('true_positive', 'false_positive', 'benign')),
    disposition_at integer,
    disposition_by text,
    disposition_note text
) strict;
insert into alert_with_brief ({_KEPT_COLUMNS}, brief)
    select {_KEPT_COLUMNS}, (select number from alert_brief where
        {" and ".join(f"alert_brief.{name} is alert.{name}" for name in _BRIEF_COLUMNS)})
    from alert order by opened, id;
create table alert_transition_by_number (
    number integer primary key autoincrement,
    alert integer not null,
    kind text not null,
    time integer not null,
    "by" text,
    note text
) strict;
insert into alert_transition_by_number (number, alert, kind, time, "by", note)
    select happened.number, alert_with_brief.number, kind, time, "by", note
    from alert_transition as happened join alert_with_brief on alert_with_brief.id = happened.alert_id
    order by happened.number;
drop table alert_transition;
drop table alert;
alter table alert_with_brief rename to alert;
alter table alert_transition_by_number rename to alert_transition;
create index alert_newest on alert (opened, shadow);
create index alert_by_rule on alert (rule_id, opened);
create index alert_unresolved on alert (opened) where status <> 'resolved' or resolved is null;
create index alert_transition_by_alert on alert_transition (alert);
create unique index alert_transition_updated on alert_transition (alert) where kind = 'updated'"""
