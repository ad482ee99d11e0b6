begin;
select plan(7);

-- given a charge that burned a lot that has expired since, one whose money went back, and one that lasts
select tests.act_as('service_role');
create temporary table a as select * from grant_credits('ada', 3, expires_at => now() + interval '1 hour');
select is((record_purchase('ada', 4, 8, 'EUR', 'p', '1', 'completed')).status, 'completed', 'given a purchase');
create temporary table c as select * from grant_credits('ada', 5);
create temporary table charged as select * from record_usage('ada', 9, overdraft => true);
create temporary table more as select * from record_usage('ada', 10, overdraft => true);
select is((record_purchase('ada', 4, 1, 'EUR', 'p', '1', 'refunded')).status, 'refunded', 'and its partial refund');
select tests.sign_out();
select tests.age('ada', '2 hours');

select tests.act_as('service_role');
create temporary table refund as select r.* from charged, refund_usage(usage_log_id, 'x') as r;
select results_eq(
  $$select g.source, (l.value ->> 'credits')::numeric from refund, jsonb_array_elements(refund.lots) as l
  inner join credit_grants as g on g.id = (l.value ->> 'grant_id')::uuid$$,
  $$values ('adjustment', 0::numeric), ('purchase', 0), ('adjustment', 2)$$,
  'the receipt says so'
);
select is(balance, -5::numeric, 'it pays no other overdraft, and counts against it') from refund;
select is((refund_usage(usage_log_id, 'x')).balance, 5::numeric, 'what is overdrawn is forgiven') from more;
select tests.sign_out();
select is_empty('select * from private.overdrafts', 'for good');
select is_empty('select * from private.check_ledger()', 'and the ledger adds up');

select * from finish();
rollback;
