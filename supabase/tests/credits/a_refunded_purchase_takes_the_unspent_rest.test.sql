begin;
select plan(14);

create function pg_temp.webhook(ref text, status text, amount numeric) returns numeric language plpgsql as $$
begin
  perform record_purchase('ada', 30, amount, 'EUR', 'shop', ref, status);
  return (private.credit_balance_at('ada', clock_timestamp())).balance;
end $$;

-- spent in part
select is(pg_temp.webhook('a', 'completed', 10), 30::numeric, 'given a purchase');
select is((record_usage('ada', 12)).balance, 18::numeric, 'of which some is spent');
select is(pg_temp.webhook('a', 'refunded', 10), 0::numeric, 'the rest goes, and no more');
-- in parts
select is(pg_temp.webhook('b', 'completed', 10), 30::numeric, 'another');
select is(pg_temp.webhook('b', 'refunded', 3), 21::numeric, 'a partial refund takes its share');
select is(pg_temp.webhook('b', 'refunded', 3), 21::numeric, 'once');
select is((record_usage('ada', 6)).balance, 15::numeric, 'more is spent');
select is(pg_temp.webhook('b', 'refunded', 6), 9.6, 'a larger sum takes the difference: 6/10 of 15 + 9, less 9');
select is(pg_temp.webhook('b', 'refunded', 5), 9.6, 'a smaller one is late');
select is(pg_temp.webhook('b', 'refunded', 11), 0::numeric, 'and the whole takes the rest');
select results_eq(
  $$select u.credits from credit_usage as u where kind = 'purchase_refund' order by id$$,
  'values (18::numeric), (9), (5.4), (9.6)', 'line by line'
);
-- the one rounding there is
select is(pg_temp.webhook('c', 'completed', 7), 30::numeric, 'a price that does not divide');
select is(pg_temp.webhook('c', 'refunded', 2), 30 - 8.571428571428, 'down, at 12 decimals');
select is_empty('select * from private.check_ledger()', 'the ledger adds up');

select * from finish();
rollback;
