begin;
select plan(10);

create function pg_temp.webhook(ref text, status text, amount numeric default 10) returns text language sql as $$
  select concat_ws(' ', coalesce(p.user_id, 'nobody'), p.status, p.provider_ref like 'sha256:%')
  from record_purchase('ada', 100, amount, 'EUR', 'stripe', ref, status) as p;
$$;
create function pg_temp.is_untouched() returns boolean language sql as $$
  select not exists (select from accounts) and not exists (select from realtime.messages)
    and not exists (select from credit_grants where user_id is not null or remaining > 0);
$$;
select set_config('request.jwt.claims', '{"role": "service_role"}', true);
select pg_temp.webhook('paid', 'completed');
select pg_temp.webhook('begun', 'pending');
select erase_user('ada');
delete from realtime.messages;
select is(pg_temp.webhook('paid', 'completed'), 'nobody completed t', 'a webhook that comes again finds the purchase');
select is(pg_temp.webhook('begun', 'completed'), 'nobody completed t', 'a late one moves it on');
select ok(pg_temp.is_untouched(), 'and nothing is granted, nobody told, nobody back');
select is(pg_temp.webhook('paid', 'refunded', 4), 'nobody refunded t', 'so does a refund');
select ok(pg_temp.is_untouched(), 'which takes nothing from anybody');
select is(pg_temp.webhook('begun', 'pending'), 'nobody completed t', 'never backwards');
select throws_ok(
  $$select record_purchase('ada', 1, 10, 'EUR', 'stripe', 'paid', 'completed')$$,
  'PT409', 'idempotency_conflict', 'another purchase is not this one'
);
select is(
  per_day -> 0 -> 'revenue', '{"EUR": 16}', 'the revenue of the day is what stays paid'
) from get_usage_metrics(0);
select is(pg_temp.webhook('new', 'completed'), 'ada completed f', 'a new purchase is somebody''s who came back');
select is_empty('select * from private.check_ledger()', 'the ledger adds up');

select * from finish();
rollback;
