begin;
select plan(2);

insert into plans (id, name, period, limit_seconds) values ('daily', 'Daily', '1 day', 3600);
select tests.sign_in_as('ada');
select is((start_usage_session()).status, 'active', 'given a session');
select tests.sign_out();
select tests.age('ada', '100 seconds');
delete from realtime.messages;
update accounts set plan_id = 'daily';
select results_eq(
  $$select event, payload #>> '{state,status}', payload #> '{state,total_usage_seconds}'
    from realtime.messages where topic = 'user:ada' order by payload -> 'version'$$,
  $$values ('session:closed', 'expired', '90'::jsonb), ('session:updated', 'expired', '90')$$,
  'its end with what it used, then the plan'
);

select * from finish();
rollback;
