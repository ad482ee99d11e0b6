begin;
select plan(5);

select tests.act_as('service_role');
create temporary table lot as select * from grant_credits('ada', 10, 'gift', now() + interval '1 hour', 100, 'key');
select tests.sign_out();
select tests.age('ada', '2 hours');
delete from realtime.messages;
select tests.act_as('service_role');
select is(to_jsonb(record_usage('ada', 0, idempotency_key => 'k')) ->> 'balance', '0', 'given a charge that booked it');
select tests.sign_out();
select is(count(*), 1::bigint, 'told once') from realtime.messages where event = 'credits:changed';
select tests.act_as('service_role');
create temporary table short as select * from grant_credits('ada', 3, expires_at => now() + interval '1 hour');
select tests.sign_out();
select tests.age('ada', '2 hours');
delete from realtime.messages;
select tests.act_as('service_role');
select is((record_usage('ada', 0, idempotency_key => 'k')).version, 2::bigint, 'a repetition after another expiry');
select tests.sign_out();
select results_eq(
  $$select event, payload -> 'version', payload #> '{balance,balance}' from realtime.messages where topic = 'user:ada'$$,
  $$values ('credits:changed', '3'::jsonb, '0'::jsonb)$$, 'has taken it from the sweep, so it tells'
);
select is(version, 3::bigint, 'and is no transition') from accounts;

select * from finish();
rollback;
