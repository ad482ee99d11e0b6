begin;
select plan(7);

create function pg_temp.traces(person text) returns text[] language plpgsql as $$
declare
  v_table text;
  v_count bigint;
  v_found text[] := '{}';
begin
  for v_table in
    select c.oid::regclass::text from pg_class as c
    where c.relnamespace in ('public'::regnamespace, 'private'::regnamespace) and c.relkind in ('r', 'p')
      and not c.relispartition
    order by 1
  loop
    execute format('select count(*) from %s as t where strpos(t::text, $1) > 0', v_table) into v_count using person;
    if v_count > 0 then
      v_found := v_found || v_table;
    end if;
  end loop;
  return v_found;
end
$$;
-- given somebody who did everything
select tests.sign_in_as('ada-lovelace');
select start_usage_session();
select pause_usage_session((get_usage_state()).session_id);
select resume_usage_session((get_usage_state()).session_id);
select start_user_session(app_section => 'library');
create temporary table room as select * from create_reading_session();
select tests.sign_in_as('bob');
select join_session(invite_code => invite_code) from room;
create temporary table own as select * from create_reading_session();
select tests.sign_in_as('ada-lovelace');
select join_session(invite_code => invite_code) from own;
select tests.act_as('service_role');
select set_account('ada-lovelace', email => 'ada-lovelace@example.org', display_name => 'ada-lovelace');
select grant_credits('ada-lovelace', 5, idempotency_key => 'grant');
select record_purchase('ada-lovelace', 7, 10, 'EUR', 'stripe', 'ref', 'completed');
select record_usage('ada-lovelace', 6, thread_id => 'thread', idempotency_key => 'charge');
select refund_usage((record_usage('ada-lovelace', 1)).usage_log_id, 'ada-lovelace');
select record_usage('ada-lovelace', 20, overdraft => true);
select grant_credits('ada-lovelace', 100);
select hold_credits('ada-lovelace', 1);
select tests.sign_out();
select (private.roll_up_usage(100)).done_count;
insert into user_sessions (user_id, session_start, last_seen_at, session_end, duration_seconds, end_token)
select 'ada-lovelace', at, at, at, 0, null from (values (now() - interval '2 days'), (now())) as t (at);
select private.roll_up_sessions(100);
select record_usage('ada-lovelace', 1, metadata => '{"by": "ada-lovelace"}');
select cmp_ok(cardinality(pg_temp.traces('ada-lovelace')), '>=', 20, 'somebody is in many tables');
-- when
create temporary table counts as select erase_user('ada-lovelace') as of;
-- then
select is(pg_temp.traces('ada-lovelace'), '{}', 'and after the erasure in none');
select is(
  of,
  '{"accounts": 1, "rooms": 2, "usage_sessions": 1, "user_sessions": 3, "session_events": 1, "usage_logs": 4,
    "credit_holds": 1, "credit_grants_kept": 3, "credit_purchases_kept": 1, "credit_usage_kept": 8,
    "notifications": 4}',
  'which it counts'
) from counts;
select is_empty('select * from private.check_ledger()', 'the ledger adds up');
select is((select count(*) from accounts), 1::bigint, 'others stay');
select is(
  (select sum(v::integer)::integer from jsonb_each_text(erase_user('ada-lovelace')) as c (k, v)), 0,
  'again there is nothing to erase'
);
select tests.sign_in_as('ada-lovelace');
select is((get_usage_state()).version, 0::bigint, 'who comes back is somebody new');

select * from finish();
rollback;
