begin;
select plan(6);

update plans set limit_seconds = 1000, near_limit_seconds = 100 where is_default;
update private.settings set session_ttl = '1 day';
select tests.sign_in_as('ada');
create temporary table began as select * from start_usage_session();
grant select on began to public;
select tests.sign_out();
select tests.age('ada', '850 seconds');
delete from realtime.messages;
select tests.sign_in_as('ada');
select is((pause_usage_session(session_id)).status, 'paused', 'a pause') from began;
select tests.sign_out();
select results_eq(
  $$select payload -> 'percent' from notifications$$, $$values ('80'::jsonb)$$, 'tells of the first'
);
select tests.sign_in_as('ada');
select is((resume_usage_session(session_id)).status, 'active', 'a resumption') from began;
select tests.sign_out();
select results_eq(
  $$select payload -> 'percent' from notifications$$, $$values ('80'::jsonb)$$, 'does not tell it again'
);
select tests.age('ada', '60 seconds');
delete from realtime.messages;
select tests.sign_in_as('ada');
select is((stop_usage_session(session_id)).status, 'closed', 'the stop') from began;
select tests.sign_out();
select results_eq(
  $$select event, payload -> 'percent', payload -> 'seconds_left' from realtime.messages where topic <> 'worker'
    order by event desc, payload -> 'percent'$$,
  $$values
    ('session:warning', '90'::jsonb, null::jsonb), ('session:warning', null, '90'), ('session:closed', null, null)$$,
  'tells of the others, near the limit included'
);

select * from finish();
rollback;
