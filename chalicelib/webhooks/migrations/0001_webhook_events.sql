-- Every webhook that was accepted, once for each id its provider gave it.
create table webhook_events (
    source         text        not null,
    external_id    text        not null,
    event_type     text        not null,
    state          text        not null check (state in ('stored', 'parked')),
    reason         text,
    received_at    timestamptz not null,
    stored_at      timestamptz not null default now(),
    content_type   text        not null,
    headers        jsonb       not null,
    body           bytea       not null,
    body_sha256    text        not null,
    payload        jsonb,
    correlation_id text        not null,
    primary key (source, external_id),
    check ((state = 'parked') = (reason is not null))
);

-- To compress a few kilobytes costs more time than to write them.
alter table webhook_events alter body set storage external, alter payload set storage external;

-- Operators list the newest events; retention deletes the oldest.
create index webhook_events_received_at on webhook_events (received_at);

-- The same id with other bytes: a provider's mistake, or somebody's attempt. The bytes that came first stay.
create table webhook_conflicts (
    source         text        not null,
    external_id    text        not null,
    body_sha256    text        not null,
    received_at    timestamptz not null,
    correlation_id text        not null,
    primary key (source, external_id, body_sha256)
);
