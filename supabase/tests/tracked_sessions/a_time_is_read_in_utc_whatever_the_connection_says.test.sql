begin;
select plan(3);

select tests.sign_in_as('ada');
create temporary table s as select * from start_user_session();
create function pg_temp.queue(at text) returns jsonb language sql as $$
  select jsonb_build_array(jsonb_build_object('event_type', at, 'occurred_at', at));
$$;
set local timezone = 'Asia/Tokyo';
select throws_ok(
  $$select log_session_events(id, pg_temp.queue('294277-01-01 05:00:00')) from s$$,
  'PT422', 'invalid_argument', 'out of range in UTC, though not in Tokyo'
);
select tests.sign_out();
select tests.age('ada', '30 minutes');
select tests.sign_in_as('ada');
create temporary table ten_ago as select to_char(now() at time zone 'UTC' - interval '10 minutes', 'YYYY-MM-DD"T"HH24:MI:SS.US') as at;
select is(log_session_events(id, pg_temp.queue(at)), 1, 'ten minutes ago, without an offset') from s, ten_ago;
select is(e.occurred_at, (at || 'Z')::timestamptz, 'is an instant of UTC') from session_events as e inner join ten_ago on at = e.event_type;

select * from finish();
rollback;
