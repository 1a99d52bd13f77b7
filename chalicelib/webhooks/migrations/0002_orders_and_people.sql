-- Orders, projected from events. The columns are computed from parts: what the order and each fulfilment was last told.
create table orders (
    order_id    text        primary key,
    number      bigint,
    customer_id text,
    email       text,
    status      text        not null,
    items       jsonb       not null,
    total       numeric,
    currency    text,
    tracking    jsonb       not null,
    updated_at  timestamptz not null,
    source      text        not null,
    external_id text        not null,
    parts       jsonb       not null
);

-- A customer asks by number; the person who is to be exported or erased is known by address or id.
create index orders_number on orders (number);
create index orders_email on orders (lower(email));
create index orders_customer_id on orders (customer_id);

-- Whom an event is about (e-mail addresses in lower case, order:<id>, customer:<id>), so that it is found again.
alter table webhook_events add subjects text[], add erased_at timestamptz;
create index webhook_events_subjects on webhook_events using gin (subjects);

-- When a source was last heard, and the events of one source.
create index webhook_events_source on webhook_events (source, received_at);

-- What operators look for first is parked, and there is little of it.
create index webhook_events_parked on webhook_events (received_at) where state = 'parked';

-- Who was erased and when, by the hash of the subject: what was received before must not be stored after.
create table erasures (
    subject_sha256 text        primary key,
    erased_at      timestamptz not null
);
