begin;
select plan(16);

create function pg_temp.webhook(status text) returns text language plpgsql as $$
declare
  v_status text := (record_purchase('ada', 50, 10, 'EUR', 'shop', 'ref', status)).status;
begin
  return v_status || ' ' || (private.credit_balance_at('ada', clock_timestamp())).balance;
end $$;
create function pg_temp.told() returns text language plpgsql as $$
declare
  v_events text;
begin
  select string_agg(event || coalesce(' ' || (payload ->> 'status'), ''), ', ' order by event)
  into v_events from realtime.messages where topic <> 'worker';
  delete from realtime.messages;
  return v_events;
end $$;

select is(pg_temp.webhook('pending'), 'pending 0', 'pending');
select is(pg_temp.told(), null, 'wakes nobody');
select is(pg_temp.webhook('failed'), 'failed 0', 'failed');
select is(pg_temp.webhook('pending'), 'failed 0', 'never back');
select is(pg_temp.told(), null, 'wakes nobody');
select is(completed_at, null, 'it was not paid') from credit_purchases;
select is(pg_temp.webhook('completed'), 'completed 50', 'completed grants');
select is(pg_temp.told(), 'credits:changed, purchase:changed completed, purchase:completed', 'and tells');
select is(pg_temp.webhook('completed'), 'completed 50', 'once');
select is(pg_temp.webhook('failed'), 'completed 50', 'never back');
select is(pg_temp.told(), null, 'and tells nothing');
select is(pg_temp.webhook('refunded'), 'refunded 0', 'refunded takes it back');
select is(pg_temp.told(), 'credits:changed, purchase:changed refunded', 'and tells');
select is(pg_temp.webhook('completed') || pg_temp.webhook('refunded'), 'refunded 0refunded 0', 'for good');
select is(pg_temp.told(), null, 'and silently');
select is_empty('select * from private.check_ledger()', 'the ledger adds up');

select * from finish();
rollback;
