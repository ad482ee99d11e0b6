begin;
select plan(6);

insert into plans (id, name, limit_seconds) values ('pro', 'Pro', 7200), ('tiny', 'Tiny', 0);
select set_account('ada');
select is_empty('select * from realtime.messages', 'a new account is not told');
select is((set_account('ada', 'pro')).plan_id, 'pro', 'a new plan');
select results_eq(
  $$select topic, event, payload #> '{state,limit_seconds}' from realtime.messages$$,
  $$values ('user:ada', 'session:updated', '7200'::jsonb)$$, 'is told, with the new limit'
);
select tests.sign_in_as('ada');
select is((start_usage_session()).status, 'active', 'given a session');
select tests.sign_out();
delete from realtime.messages;
select is((set_account('ada', 'tiny')).plan_id, 'tiny', 'a plan with nothing left');
select results_eq(
  $$select topic, event, payload ->> 'reason' from realtime.messages order by event$$,
  $$values ('worker', 'notification:queued', null), ('user:ada', 'session:closed', 'capped')$$, 'closes it, and tells that'
);

select * from finish();
rollback;
