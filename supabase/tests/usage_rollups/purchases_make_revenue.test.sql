begin;
select plan(15);

create function pg_temp.paid() returns text language sql security definer as $$
  select concat_ws(' ', a.revenue_by_currency, a.payment_count, (
    select count(*) from realtime.messages as m where m.topic = 'worker' and m.event = 'usage:changed'
  ))
  from public.account_usage as a;
$$;
grant execute on function pg_temp.paid to service_role;
create function pg_temp.webhook(ref text, status text, amount numeric) returns text language sql as $$
  select (record_purchase('ada', 100, amount, 'EUR', 'stripe', ref, status)).status;
$$;
grant execute on function pg_temp.webhook to service_role;
select tests.act_as('service_role');
select is(pg_temp.webhook('a', 'pending', 10), 'pending', 'a purchase that is not completed');
select is(pg_temp.paid(), '{} 0 0', 'pays nothing and wakes nobody');
select is(pg_temp.webhook('a', 'completed', 10), 'completed', 'one that is');
select is(pg_temp.paid(), '{"EUR": 10} 1 1', 'is revenue');
select is(pg_temp.webhook('a', 'completed', 10), 'completed', 'once');
select is(pg_temp.paid(), '{"EUR": 10} 1 1', 'however often it comes');
select is(pg_temp.webhook('a', 'refunded', 4), 'refunded', 'a partial refund');
select is(pg_temp.paid(), '{"EUR": 6} 1 1', 'leaves the rest, which stays paid');
select is(pg_temp.webhook('a', 'refunded', 10), 'refunded', 'all of it');
select is(pg_temp.paid(), '{} 0 1', 'leaves nothing');
select is(pg_temp.webhook('b', 'refunded', 5), 'refunded', 'one first heard of as refunded in part');
select is(pg_temp.paid(), '{} 0 1', 'has paid nothing that we know of');
select is(pg_temp.webhook('b', 'completed', 20), 'refunded', 'until its amount is known');
select is(pg_temp.paid(), '{"EUR": 15} 1 1', 'then what is left counts');
select is(tests.overview_row('ada') -> 'has_completed_payment', 'true', 'and the page shows it');

select * from finish();
rollback;
