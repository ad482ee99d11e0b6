-- Configuration: one row, changed with plain SQL.

create table private.settings (
  is_the_only_row boolean primary key default true,
  heartbeat_interval interval not null default '30 seconds',
  session_ttl interval not null default '90 seconds',
  paused_session_ttl interval not null default '24 hours',
  session_timeout interval not null default '1 hour',
  expiry_warning interval not null default '5 minutes',
  warning_percents integer[] not null default '{80,90,100}',
  low_credit_percents integer[] not null default '{20,5}',
  cleanup_interval interval not null default '15 minutes',
  session_retention interval not null default '90 days',
  event_retention interval not null default '30 days',
  usage_log_retention interval not null default '400 days',
  archive_before_drop boolean not null default false,
  admin_refresh interval not null default '500 milliseconds',
  constraint there_is_one_row check (is_the_only_row),
  constraint durations_lead_forward check (
    private.is_duration(heartbeat_interval) and private.is_duration(session_ttl)
    and private.is_duration(paused_session_ttl) and private.is_duration(session_timeout)
    and private.is_duration(expiry_warning) and private.is_duration(cleanup_interval)
    and private.is_duration(session_retention) and private.is_duration(event_retention)
    and private.is_duration(usage_log_retention) and private.is_duration(admin_refresh)
  ),
  constraint percents_are_between_1_and_100 check (
    1 <= all(warning_percents) and 100 >= all(warning_percents)
    and 1 <= all(low_credit_percents) and 100 >= all(low_credit_percents)
    and array_position(warning_percents || low_credit_percents, null) is null
  )
);

comment on table private.settings is
'The configuration, one row: `update private.settings set session_ttl = ''2 minutes''`. A new '
'duration counts from the next call that uses it; what a client was already told '
'(session_expires_at) stands.';
comment on column private.settings.heartbeat_interval is
'How often a client should send a heartbeat; advice to clients, nothing is enforced by it.';
comment on column private.settings.session_ttl is
'A metered session that is active expires this long after its last sign of life.';
comment on column private.settings.paused_session_ttl is
'A metered session that is paused expires this long after its pause.';
comment on column private.settings.session_timeout is
'Tracked sessions and rooms end after this long without a sign of life.';
comment on column private.settings.expiry_warning is 'A room warns this long before it expires.';
comment on column private.settings.warning_percents is
'Shares of a plan''s limit, in percent, whose crossing is told once per period.';
comment on column private.settings.low_credit_percents is
'Shares of what live lots held at first, in percent: a balance not above one is told once, and '
'again after a grant that lifted it above.';
comment on column private.settings.cleanup_interval is
'How often the worker removes expired rooms.';
comment on column private.settings.session_retention is 'How long ended tracked sessions are kept.';
comment on column private.settings.event_retention is 'How long session events are kept.';
comment on column private.settings.usage_log_retention is 'How long usage logs are kept.';
comment on column private.settings.archive_before_drop is
'Whether partitions past their retention wait for the worker to archive them; else they are '
'dropped.';
comment on column private.settings.admin_refresh is
'The administrators'' topic announces changes at most this often.';

alter table private.settings enable row level security;

insert into private.settings default values;

create function private.refuse_removal_of_settings()
returns trigger
language plpgsql
security invoker
set search_path = ''
as $$
begin
  raise sqlstate '23514' using
    message = 'private.settings always has its one row',
    hint = 'Update it instead.';
end
$$;

comment on function private.refuse_removal_of_settings() is
'Trigger: every function reads the one row, so it can be changed and not removed. Raises 23514.';

create trigger settings_keep_their_row
before delete or truncate on private.settings
for each statement execute function private.refuse_removal_of_settings();
