begin;
select plan(4);

-- given five lots, the later ones to burn first
select tests.act_as('service_role');
create temporary table lots as
select 'never' as name, (grant_credits('ada', 10)).id
union all select 'never, newer', (grant_credits('ada', 10)).id
union all select 'late', (grant_credits('ada', 10, expires_at => '2100-01-02')).id
union all select 'soon', (grant_credits('ada', 10, expires_at => '2100-01-01')).id
union all select 'first', (grant_credits('ada', 10, priority => -1)).id;

create function pg_temp.burned(receipt usage_receipt) returns text language sql as $$
  select string_agg(format('%s %s', l.name, b.lot ->> 'credits'), ', ' order by b.number)
  from jsonb_array_elements(receipt.lots) with ordinality as b (lot, number)
  inner join pg_temp.lots as l on l.id = (b.lot ->> 'grant_id')::uuid
$$;
select is(pg_temp.burned(record_usage('ada', 15)), 'first 10, soon 5', 'priority, then the earliest expiry');
select is(pg_temp.burned(record_usage('ada', 5)), 'soon 5', 'to the end');
select is(
  pg_temp.burned(record_usage('ada', 25)), 'late 10, never 10, never, newer 5', 'never is last, the oldest first'
);
select tests.sign_out();
select is_empty('select * from private.check_ledger()', 'and the ledger adds up');

select * from finish();
rollback;
