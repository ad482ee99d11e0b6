begin;
select plan(4);

create temporary table api (function text, grantees text);
insert into api values
  ('cleanup_old_sessions', 'service_role'),
  ('end_session_with_token', 'anon,authenticated,service_role'),
  ('end_user_session', 'authenticated,service_role'),
  ('get_active_sessions', 'authenticated,service_role'),
  ('check_session_expiry', 'authenticated,service_role'),
  ('cleanup_inactive_sessions', 'service_role'),
  ('create_reading_session', 'authenticated,service_role'),
  ('end_reading_session', 'authenticated,service_role'),
  ('erase_user', 'service_role'),
  ('get_credit_balance', 'authenticated,service_role'),
  ('grant_credits', 'service_role'),
  ('hold_credits', 'service_role'),
  ('record_purchase', 'service_role'),
  ('record_usage', 'service_role'),
  ('record_usage_batch', 'service_role'),
  ('refund_usage', 'service_role'),
  ('release_hold', 'service_role'),
  ('get_cleanup_stats', 'authenticated,service_role'),
  ('get_session_analytics', 'authenticated,service_role'),
  ('get_subscription_summary', 'authenticated,service_role'),
  ('get_thread_usage', 'authenticated,service_role'),
  ('get_usage_metrics', 'authenticated,service_role'),
  ('get_usage_overview', 'authenticated,service_role'),
  ('get_usage_state', 'authenticated,service_role'),
  ('health', 'authenticated,service_role'),
  ('get_user_session_stats', 'authenticated,service_role'),
  ('heartbeat_usage_session', 'authenticated,service_role'),
  ('heartbeat_user_session', 'authenticated,service_role'),
  ('join_session', 'authenticated,service_role'),
  ('leave_session', 'authenticated,service_role'),
  ('list_participants', 'authenticated,service_role'),
  ('list_usage_logs', 'authenticated,service_role'),
  ('list_usage_sessions', 'authenticated,service_role'),
  ('log_session_event', 'authenticated,service_role'),
  ('log_session_events', 'authenticated,service_role'),
  ('pause_usage_session', 'authenticated,service_role'),
  ('remove_participant', 'authenticated,service_role'),
  ('resume_usage_session', 'authenticated,service_role'),
  ('set_account', 'service_role'),
  ('start_usage_session', 'authenticated,service_role'),
  ('start_user_session', 'authenticated,service_role'),
  ('stop_usage_session', 'authenticated,service_role'),
  ('update_session_section', 'authenticated,service_role'),
  ('touch_presence', 'authenticated,service_role'),
  ('usage_ping', 'authenticated,service_role');
select results_eq(
  $$select p.proname::text collate "default", (
      select string_agg(a.grantee::regrole::text, ',' order by a.grantee::regrole::text)
      from aclexplode(p.proacl) as a where a.grantee <> p.proowner
    )
  from pg_proc as p where p.pronamespace = 'public'::regnamespace order by 1$$,
  'select function, grantees from api order by 1',
  'schema public: exactly the API'
);
select results_eq(
  $$select p.proname::text collate "default", a.grantee::regrole::text
  from pg_proc as p cross join lateral aclexplode(p.proacl) as a
  where p.pronamespace = 'private'::regnamespace and a.grantee <> p.proowner order by 1, 2$$,
  $$values
    ('caller', 'authenticated'), ('claim_deliveries', 'hourglass_worker'),
    ('count_dead_deliveries', 'hourglass_worker'), ('finish_archive', 'hourglass_worker'),
    ('health_report', 'hourglass_worker'), ('hears_room', 'authenticated'), ('is_admin', 'authenticated'),
    ('list_archives', 'hourglass_worker'), ('list_webhooks', 'hourglass_worker'), ('measure_outbox', 'hourglass_worker'),
    ('next_awaiting', 'hourglass_worker'), ('prepare_webhook_test', 'hourglass_worker'),
    ('read_awaiting', 'hourglass_worker'), ('record_archive_fault', 'hourglass_worker'),
    ('replay_deliveries', 'hourglass_worker'), ('rooms_of_caller', 'authenticated'),
    ('run_due', 'hourglass_worker'), ('run_job', 'hourglass_worker'),
    ('set_partitions_aside', 'hourglass_worker'), ('settle_deliveries', 'hourglass_worker')$$,
  'schema private: the jobs, health, deliveries and archives by the worker, and what policies ask'
);
select is_empty(
  $$select p.oid::regprocedure from pg_proc as p
  where p.pronamespace in ('public'::regnamespace, 'private'::regnamespace) and p.proacl is null$$,
  'no function is left with the default, which is everybody'
);
select results_eq(
  $$select r from unnest(array['anon', 'authenticated', 'service_role', 'hourglass_worker']) as r
  where has_schema_privilege(r, 'private', 'usage')$$,
  array['hourglass_worker'],
  'only the worker sees schema private'
);

select * from finish();
rollback;
