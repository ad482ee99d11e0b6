begin;
select plan(3);

select tests.act_as('service_role');
select grant_credits('ada', 200, priority => 1);
select record_usage('ada', 199);
create temporary table charged as select usage_log_id from record_usage('ada', 1);
select is(count(*), 3::bigint, 'low twice, then nothing left') from notifications;
select grant_credits('ada', 30);
select is(count(*), 3::bigint, 'a lot that is used up counts no more: 30 of 30') from notifications;
select refund_usage(usage_log_id, 'wrong') from charged;
select results_eq(
  $$select payload -> 'percent', payload -> 'balance', payload -> 'granted' from notifications
    where payload -> 'balance' = '31'$$,
  $$values ('20'::jsonb, '31'::jsonb, '230'::jsonb)$$,
  'one that a refund gives something back counts again'
);

select * from finish();
rollback;
