begin;
select plan(7);

update private.rollup_watermark set counted_until = '3';
select is(count(tests.log_usage(u, age => a::interval, xact_id => '7')), 4::bigint, 'given people')
from (values ('a', '6 days 23 hours'), ('b', '7 days 1 hour'), ('c', '29 days 23 hours'), ('d', '30 days 1 hour')) as p (u, a);
select is((set_account('e')).user_id, 'e', 'and somebody who never did anything');
create function pg_temp.found(activity text) returns text language sql as $$
  select coalesce(string_agg(r ->> 'user_id' || ':' || (r ->> 'activity'), ' ' order by r ->> 'user_id'), '')
  from get_usage_overview(activity => activity) as o cross join lateral jsonb_array_elements(o.rows) as r;
$$;
grant execute on function pg_temp.found to service_role;
select tests.act_as('service_role');
select is(pg_temp.found('active'), 'a:active', 'up to 7 days ago is active');
select is(pg_temp.found('idle'), 'b:idle c:idle', 'up to 30 days ago is idle');
select is(pg_temp.found('dormant'), 'd:dormant e:dormant', 'before that, and never, is dormant');
select is(pg_temp.found(null), 'a:active b:idle c:idle d:dormant e:dormant', 'null is all');
select is(total_requests, 2::numeric::bigint, 'totals are over what matches') from get_usage_overview(activity => 'idle');

select * from finish();
rollback;
