begin;
select plan(9);

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
select results_eq(
  $$select attname::text collate "default", format_type(atttypid, atttypmod) from pg_attribute
  where attrelid = 'user_sessions'::regclass and attnum > 0 order by attnum$$,
  $$values
    ('id', 'uuid'), ('user_id', 'text'),
    ('session_start', 'timestamp with time zone'), ('session_end', 'timestamp with time zone'),
    ('app_section', 'text'), ('device_info', 'jsonb'),
    ('metadata', 'jsonb'), ('last_seen_at', 'timestamp with time zone'),
    ('duration_seconds', 'integer'), ('end_token', 'uuid')$$,
  'user_sessions'
);
select results_eq(
  $$select attname::text collate "default", format_type(atttypid, atttypmod) from pg_attribute
  where attrelid = 'session_events'::regclass and attnum > 0 order by attnum$$,
  $$values
    ('id', 'uuid'), ('session_id', 'uuid'),
    ('event_type', 'text'), ('event_data', 'jsonb'),
    ('occurred_at', 'timestamp with time zone'), ('created_at', 'timestamp with time zone')$$,
  'session_events'
);
select results_eq(
  $$select attname::text collate "default", format_type(atttypid, atttypmod) from pg_attribute
  where attrelid = 'session_stats'::regclass and attnum > 0 order by attnum$$,
  $$values
    ('total_sessions', 'integer'), ('total_seconds', 'bigint'),
    ('average_seconds', 'integer'), ('section_counts', 'jsonb'),
    ('section_seconds', 'jsonb'), ('last_session_start', 'timestamp with time zone'),
    ('active_sessions', 'integer')$$,
  'session_stats'
);
select results_eq(
  $$select attname::text collate "default", format_type(atttypid, atttypmod) from pg_attribute
  where attrelid = 'cleanup_result'::regclass and attnum > 0 order by attnum$$,
  $$values
    ('sessions_ended', 'integer'), ('sessions_removed', 'integer'),
    ('events_removed', 'bigint')$$,
  'cleanup_result'
);

select results_eq(
  $$select a.attrelid::regclass::text collate "default",
    string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod), ', ' order by a.attnum) collate "default"
  from pg_attribute as a
  where a.attnum > 0 and a.attrelid in (
    'reading_sessions'::regclass, 'session_participants'::regclass, 'participant_presence'::regclass,
    'session_expiry'::regclass, 'cleanup_stats'::regclass, 'session_analytics'::regclass
  )
  group by a.attrelid order by 1$$,
  $$values
    ('cleanup_stats', 'total_runs bigint, last_run_at timestamp with time zone, last_run_by text, '
      'last_removed integer, total_removed bigint'),
    ('participant_presence', 'user_id text, display_name text, role text, is_online boolean, '
      'joined_at timestamp with time zone, last_seen_at timestamp with time zone'),
    ('reading_sessions', 'id uuid, host_id text, title text, invite_code text, topic text, '
      'max_participants integer, is_active boolean, created_at timestamp with time zone, '
      'updated_at timestamp with time zone'),
    ('session_analytics', 'average_session_seconds integer, peak_usage_hours jsonb, '
      'retention_rate numeric, per_day jsonb'),
    ('session_expiry', 'is_expired boolean, last_activity_at timestamp with time zone, '
      'expires_at timestamp with time zone, minutes_until_expiry integer'),
    ('session_participants', 'id uuid, session_id uuid, user_id text, display_name text, '
      'is_active boolean, joined_at timestamp with time zone, last_seen_at timestamp with time zone, '
      'left_at timestamp with time zone')$$,
  'the answers about rooms'
);

select results_eq(
  $$select a.attrelid::regclass::text collate "default",
    string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod), ', ' order by a.attnum) collate "default"
  from pg_attribute as a
  where a.attnum > 0 and not a.attisdropped and a.attrelid in (
    'usage_receipt'::regclass, 'credit_balance'::regclass, 'credit_grants'::regclass, 'credit_holds'::regclass,
    'credit_purchases'::regclass
  )
  group by a.attrelid order by 1$$,
  $$values
    ('credit_balance', 'balance numeric, held numeric, available numeric, expiring_next numeric, '
      'expires_next_at timestamp with time zone, used_this_period numeric, version bigint'),
    ('credit_grants', 'id uuid, user_id text, source text, credits numeric, remaining numeric, '
      'priority integer, expires_at timestamp with time zone, created_at timestamp with time zone'),
    ('credit_holds', 'id uuid, user_id text, credits numeric, status text, '
      'expires_at timestamp with time zone, created_at timestamp with time zone'),
    ('credit_purchases', 'id uuid, user_id text, credits numeric, amount numeric, currency text, '
      'provider text, provider_ref text, status text, created_at timestamp with time zone, '
      'completed_at timestamp with time zone'),
    ('usage_receipt', 'usage_log_id uuid, user_id text, thread_id text, credits numeric, lots jsonb, '
      'balance numeric, available numeric, version bigint, created_at timestamp with time zone, '
      'refunded_at timestamp with time zone')$$,
  'the answers about credits'
);

select results_eq(
  $$select a.attrelid::regclass::text collate "default",
    string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod), ', ' order by a.attnum) collate "default"
  from pg_attribute as a
  where a.attnum > 0 and a.attrelid in (
    'health_report'::regclass, 'subscription_summary'::regclass, 'thread_usage'::regclass, 'usage_metrics'::regclass,
    'usage_overview'::regclass
  )
  group by a.attrelid order by 1$$,
  $$values
    ('health_report', 'ok boolean, checks jsonb'),
    ('subscription_summary', 'plan_id text, plan_name text, period_started_at timestamp with time zone, '
      'period_ends_at timestamp with time zone, limit_seconds integer, used_seconds integer, '
      'remaining_seconds integer, credits_per_period numeric, credits_used numeric, balance numeric, '
      'available numeric, server_time timestamp with time zone'),
    ('thread_usage', 'thread_id text, credits numeric, prompt_tokens bigint, completion_tokens bigint, '
      'total_tokens bigint, requests bigint, last_used_at timestamp with time zone'),
    ('usage_metrics', 'per_day jsonb, per_hour jsonb'),
    ('usage_overview', 'rows jsonb, total_rows bigint, total_users bigint, total_requests bigint, '
      'total_tokens bigint, total_credits numeric, total_revenue jsonb, fresh_as_of timestamp with time zone')$$,
  'the answers about usage'
);

select * from finish();
rollback;
