-- Usage logs: what was consumed, one row per charge, partitioned by the month that they were
-- recorded in (UTC), so that retention drops whole months. A log whose month has no partition yet
-- waits in the default partition. What a model costs stands in model_rates.

create table public.model_rates (
  model text not null,
  effective_from timestamptz not null,
  prompt_credits_per_1k numeric not null,
  completion_credits_per_1k numeric not null,
  primary key (model, effective_from),
  constraint model_is_1_to_512_characters check (char_length(model) between 1 and 512),
  constraint effective_from_is_finite check (isfinite(effective_from)),
  constraint rates_are_amounts check (
    private.is_amount(prompt_credits_per_1k) and private.is_amount(completion_credits_per_1k)
  )
);

comment on table public.model_rates is
'What 1,000 tokens of a model cost, from an instant on until the model''s next row. An operator '
'writes it with plain SQL; a price counts for charges from its instant, never for earlier ones.';

alter table public.model_rates enable row level security;
revoke all on table public.model_rates from anon, authenticated, service_role;
grant select on table public.model_rates to authenticated, service_role;

create policy model_rates_select_all on public.model_rates for select to authenticated using (true);

create table public.usage_logs (
  id uuid not null,
  user_id text not null,
  thread_id text,
  kind text not null,
  model text,
  prompt_tokens integer not null,
  completion_tokens integer not null,
  credits numeric not null,
  metadata jsonb not null,
  created_at timestamptz not null,
  refunded_at timestamptz,
  -- Which rows a rollup has counted follows from this: a clock or a sequence would pass over what
  -- commits late.
  xact_id xid8 not null default pg_current_xact_id(),
  primary key (id, created_at),
  constraint texts_are_short check (
    char_length(user_id) <= 256 and char_length(thread_id) <= 512
    and char_length(kind) <= 512 and char_length(model) <= 512
  ),
  constraint tokens_are_not_negative check (prompt_tokens >= 0 and completion_tokens >= 0),
  constraint credits_are_an_amount check (credits >= 0 and credits < 'Infinity'),
  constraint metadata_is_an_object check (jsonb_typeof(metadata) = 'object')
) partition by range (created_at);

comment on table public.usage_logs is
'What was consumed, one row per charge, a free one included. Written with its debit in one '
'transaction; a refund sets refunded_at and nothing else. No foreign key to the account: its '
'removal would look through every month.';
comment on column public.usage_logs.credits is
'What it cost, as given or as priced by model_rates at created_at; never rounded.';
comment on column public.usage_logs.xact_id is
'The transaction that recorded it: rollups count the rows of transactions that are over.';

create index usage_logs_newest_first on public.usage_logs (user_id, created_at desc, id desc);
-- Of the thread's id a digest, as an index entry has room for no two texts of any length.
create index usage_logs_of_a_thread
on public.usage_logs (user_id, md5(thread_id), created_at desc, id desc)
where thread_id is not null;
create index usage_logs_xact_id_idx on public.usage_logs (xact_id);

alter table public.usage_logs enable row level security;
revoke all on table public.usage_logs from anon, authenticated, service_role;
grant select on table public.usage_logs to authenticated, service_role;

create policy usage_logs_select_own on public.usage_logs for select to authenticated
using (user_id = (select private.caller()));

create table private.usage_logs_default partition of public.usage_logs default;

alter table private.usage_logs_default enable row level security;

select private.make_partitions('usage_logs', 'month', 3);

create table private.thread_totals (
  user_id text not null,
  thread_id text not null,
  credits numeric not null,
  prompt_tokens bigint not null,
  completion_tokens bigint not null,
  requests bigint not null,
  last_used_at timestamptz not null,
  thread_digest bytea not null generated always as (private.digest(thread_id)) stored,
  primary key (user_id, thread_digest)
)
-- Each charge of a thread updates its row in place.
with (fillfactor = 70);

comment on table private.thread_totals is
'What each thread of a user has consumed, kept in the transaction of the charge: its events and '
'reads need not add up logs. Outlives the logs'' retention.';

alter table private.thread_totals enable row level security;

create type public.thread_usage as (
  thread_id text,
  credits numeric,
  prompt_tokens bigint,
  completion_tokens bigint,
  total_tokens bigint,
  requests bigint,
  last_used_at timestamptz
);

comment on type public.thread_usage is
'What one thread of a user has consumed up to now; refunds do not lower it.';
