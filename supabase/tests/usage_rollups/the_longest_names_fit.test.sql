begin;
select plan(4);

create temporary table long as
select string_agg(chr(65536 + (random() * 60000)::integer), '') as text from generate_series(1, 512) as n;
grant select on long to service_role;
select tests.act_as('service_role');
select is(user_id, left(text, 256), 'somebody whose texts are as long as they may be')
from long cross join lateral set_account(left(text, 256), email => text, display_name => text);
select is(rows -> 0 ->> 'display_name', text, 'is on the page')
from long cross join lateral get_usage_overview(sort => 'name');
select is(total_rows, 1::bigint, 'and found')
from long cross join lateral get_usage_overview(search => right(text, 300), sort => 'name');
select is((record_usage(left(text, 256), 0, thread_id => text)).thread_id, text, 'with threads as long') from long;

select * from finish();
rollback;
