begin;
select plan(6);

select tests.act_as('service_role');
select grant_credits('ada', 10);
create temporary table charged as select * from record_usage('ada', 4);
create temporary table returned as
select f.* from record_usage('ada', 3) as r, refund_usage(r.usage_log_id, 'in time') as f;
select tests.sign_out();
select tests.age('ada', '399 days');
select tests.act_as('service_role');
create temporary table late as select r.usage_log_id from record_usage('ada', 1) as r;
select is((refund_usage(usage_log_id, 'new')).balance, 6::numeric, 'given') from late;
select tests.sign_out();
select tests.age('ada', '2 days');
select tests.act_as('service_role');
select throws_ok(
  format('select refund_usage(%L, ''late'')', usage_log_id), 'PT404', 'usage_log_not_found',
  'a log past usage_log_retention is gone, dropped or not'
) from charged;
select is(
  (select f from (select f.usage_log_id, f.lots, f.balance, f.version from refund_usage(r.usage_log_id, 'again') as f) as f),
  (select f from (select r.usage_log_id, r.lots, r.balance, r.version) as f),
  'one that was refunded in time gives the same receipt'
) from returned as r;
select tests.sign_out();
select is(balance, 6::numeric, 'and nothing changed') from private.credit_balances;
select is(l.refunded_at, null, 'nor was it marked') from usage_logs as l inner join charged as c on c.usage_log_id = l.id;
select is_empty('select * from private.check_ledger()', 'the ledger adds up');

select * from finish();
rollback;
