begin;
select plan(9);

update private.rollup_watermark set counted_until = '3';
select is(count(tests.log_usage('u' || n, n, 10 * n, xact_id => '7')), 5::bigint, 'given five people')
from generate_series(1, 5) as n;
select is((private.roll_up_usage(10)).done_count, 5, 'counted');
select isnt(tests.log_usage('u2', 2.5), null, 'and one who goes on, not counted yet');
create function pg_temp.found(sort text, page int) returns text language sql as $$
  select string_agg(r.value ->> 'user_id', ' ' order by r.number)
  from get_usage_overview(page, 2, sort => sort) as o
  cross join lateral jsonb_array_elements(o.rows) with ordinality as r (value, number);
$$;
grant execute on function pg_temp.found to service_role;
select tests.act_as('service_role');
select is(concat_ws(' / ', pg_temp.found('credits', 1), pg_temp.found('credits', 2), pg_temp.found('credits', 3)),
  'u5 u2 / u4 u3 / u1', 'sorted by what they have used to this instant');
select is(concat_ws(' / ', pg_temp.found('requests', 1), pg_temp.found('requests', 2), pg_temp.found('requests', 3)),
  'u2 u1 / u3 u4 / u5', 'those who are equal by id');
select is(concat_ws(' / ', pg_temp.found('tokens', 1), pg_temp.found('tokens', 2), pg_temp.found('tokens', 3)),
  'u5 u4 / u3 u2 / u1', 'each by its own measure');
select is(concat_ws(' / ', pg_temp.found('name', 1), pg_temp.found('name', 2), pg_temp.found('name', 3)),
  'u1 u2 / u3 u4 / u5', 'names upwards');
select is(tests.overview_row('u2') -> 'credits', '4.5', 'the row has it');
select results_eq(
  'select total_rows, total_users, total_requests, total_tokens, total_credits from get_usage_overview()',
  'values (5::bigint, 5::bigint, 6::bigint, 300::bigint, 17.5)', 'and so have the totals'
);

select * from finish();
rollback;
