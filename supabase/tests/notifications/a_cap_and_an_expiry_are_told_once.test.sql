begin;
select plan(4);

update plans set limit_seconds = 60, near_limit_seconds = 0 where is_default;
select tests.sign_in_as('ada');
select start_usage_session();
select tests.sign_out();
select tests.age('ada', '60 seconds');
select private.run_due();
select private.run_due();
select results_eq(
  'select kind, payload -> $$percent$$, payload -> $$total_usage_seconds$$ from notifications order by 1, 2',
  $$values
    ('usage_capped', null::jsonb, '60'::jsonb), ('usage_percent_reached', '80', '60'),
    ('usage_percent_reached', '90', '60'), ('usage_percent_reached', '100', '60')$$,
  'a cap is told with each share, once'
);
update plans set limit_seconds = null where is_default;
select tests.sign_in_as('bob');
create temporary table began as select * from start_usage_session();
grant select on began to public;
select tests.sign_out();
select is(warn_at, null, 'without a limit there is nothing to warn of') from usage_sessions where user_id = 'bob';
select tests.age('bob', '2 minutes');
select tests.sign_in_as('bob');
select is((heartbeat_usage_session(session_id)).status, 'expired', 'silence') from began;
select tests.sign_out();
select private.run_due();
select results_eq(
  $$select kind, payload ->> 'session_id' = session_id::text, payload -> 'limit_seconds' from notifications, began
    where user_id = 'bob'$$,
  $$values ('session_expired', true, 'null'::jsonb)$$, 'is told as an expiry'
);

select * from finish();
rollback;
