begin;
select plan(1);

select results_eq(
  $$select
    heartbeat_interval, session_ttl, paused_session_ttl, session_timeout, expiry_warning, warning_percents,
    low_credit_percents, cleanup_interval, session_retention, event_retention, usage_log_retention,
    archive_before_drop, admin_refresh
  from private.settings$$,
  $$values (
    interval '30 s', interval '90 s', interval '24 h', interval '1 h', interval '5 min', array[80, 90, 100],
    array[20, 5], interval '15 min', interval '90 d', interval '30 d', interval '400 d', false, interval '500 ms')$$,
  'as documented'
);

select * from finish();
rollback;
