begin;
select plan(3);

select tests.act_as('service_role');
create temporary table first as
select * from record_usage_batch('[{"user_id": "ada", "credits": 0, "idempotency_key": "x"}]');
select tests.sign_out();
delete from realtime.messages;
update private.usage_watch set watched_until = '-infinity';
select tests.act_as('service_role');
select results_eq(
  $$select * from record_usage_batch('[{"user_id": "ada", "credits": 0, "idempotency_key": "x"}]')$$,
  'select * from first', 'the first receipt'
);
select tests.sign_out();
select is_empty('select topic, event from realtime.messages', 'nobody is told, the worker neither');
select is(version, 1::bigint, 'and nothing changed') from accounts;

select * from finish();
rollback;
