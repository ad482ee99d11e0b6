begin;
select plan(9);

select tests.act_as('service_role');
create temporary table born as select * from record_purchase('ada', 50, 4, 'EUR', 'shop', 'ref', 'refunded');
select results_eq('select status, amount from born', $$values ('refunded', 4::numeric)$$, 'what is known so far');
select results_eq(
  $$select p.id, p.status, p.amount from record_purchase('ada', 50, 10, 'EUR', 'shop', 'ref', 'completed') as p$$,
  $$select id, 'refunded', 10::numeric from born$$, 'the next one brings the amount'
);
select is_empty('select * from credit_grants', 'and grants nothing');
select throws_ok(
  $$select record_purchase('ada', 50, 11, 'EUR', 'shop', 'ref', 'completed')$$, 'PT409', 'idempotency_conflict',
  'which is compared from then on'
);
select is((record_purchase('ada', 50, 12, 'EUR', 'shop', 'ref', 'refunded')).amount, 10::numeric, 'unlike a refunded sum');
-- one that was refunded without having been completed
select is((record_purchase('ada', 50, 10, 'EUR', 'shop', 'b', 'pending')).status, 'pending', 'given a pending one');
select is((record_purchase('ada', 50, 10, 'EUR', 'shop', 'b', 'refunded')).status, 'refunded', 'refunded');
select is((record_purchase('ada', 50, 10, 'EUR', 'shop', 'b', 'completed')).status, 'refunded', 'a late completion');
select is_empty('select * from credit_grants', 'grants nothing either');

select * from finish();
rollback;
