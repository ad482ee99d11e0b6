begin;
select plan(2);

select results_eq(
  $$select attname::text collate "default", format_type(atttypid, atttypmod) from pg_attribute
  where attrelid = 'usage_state'::regclass order by attnum$$,
  $$values
    ('session_id', 'uuid'), ('status', 'text'), ('is_active', 'boolean'),
    ('time_remaining_seconds', 'integer'), ('time_remaining_minutes', 'integer'),
    ('total_usage_seconds', 'integer'), ('total_usage_minutes', 'integer'),
    ('current_session_seconds', 'integer'),
    ('session_started_at', 'timestamp with time zone'),
    ('session_expires_at', 'timestamp with time zone'),
    ('session_cap_at', 'timestamp with time zone'),
    ('is_valid_for_recording', 'boolean'), ('has_reached_limit', 'boolean'),
    ('is_near_limit', 'boolean'), ('device_id', 'text'), ('end_token', 'uuid'),
    ('limit_seconds', 'integer'),
    ('period_started_at', 'timestamp with time zone'), ('period_ends_at', 'timestamp with time zone'),
    ('server_time', 'timestamp with time zone'), ('version', 'bigint')$$,
  'usage_state'
);
select results_eq(
  $$select attname::text collate "default", format_type(atttypid, atttypmod) from pg_attribute
  where attrelid = 'usage_session_summary'::regclass order by attnum$$,
  $$values
    ('id', 'uuid'), ('status', 'text'), ('device_id', 'text'),
    ('started_at', 'timestamp with time zone'), ('ended_at', 'timestamp with time zone'),
    ('active_seconds', 'integer'), ('metadata', 'jsonb')$$,
  'usage_session_summary'
);

select * from finish();
rollback;
