begin;
select plan(4);

update plans set limit_seconds = 1000, near_limit_seconds = 0 where is_default;
update private.settings set session_ttl = '1 day', warning_percents = '{}';
select tests.sign_in_as('ada');
select start_usage_session();
select tests.sign_out();
select is(warn_at, null, 'without shares there is nothing to warn of') from usage_sessions;
select tests.age('ada', '600 seconds');
delete from realtime.messages;
update private.settings set warning_percents = '{50,70}';
select is(count(*), 1::bigint, 'the worker hears of shares that are set')
from realtime.messages where topic = 'worker' and event = 'deadline:changed';
select private.run_due();
select results_eq(
  'select payload -> $$percent$$ from notifications', $$values ('50'::jsonb)$$, 'what is reached is told'
);
select is(warn_at, started_at + interval '700 seconds', 'and the next is known') from usage_sessions;

select * from finish();
rollback;
