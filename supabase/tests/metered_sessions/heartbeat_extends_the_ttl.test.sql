begin;
select plan(4);

select tests.sign_in_as('ada');
create temporary table began as select * from start_usage_session('phone');
select tests.sign_out();
select tests.age('ada', '60 seconds');

-- when a sign of life comes after a minute
select tests.sign_in_as('ada');
create temporary table beat as
select h.* from began as b, heartbeat_usage_session(b.session_id, 'phone') as h;

select is(session_expires_at, server_time + interval '90 seconds', 'expires 90 s from now') from beat;
select is(total_usage_seconds, 60, 'a minute is used') from beat;
select is(version, 1::bigint, 'it is no transition') from beat;
select is(
  (heartbeat_usage_session(session_id)).status, 'active', 'a null device is not checked'
) from began;

select * from finish();
rollback;
