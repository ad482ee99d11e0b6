begin;
select plan(4);

insert into plans (id, name, limit_seconds, credits_per_period) values ('pro', 'Pro', 7200, 100);
select tests.act_as('service_role');
select is((set_account('ada', 'pro')).plan_id, 'pro', 'given somebody on a plan');
select is((record_usage('ada', 2.5)).credits, 2.5, 'who used something');
select tests.sign_in_as('ada');
select results_eq(
  $$select plan_id, plan_name, limit_seconds, used_seconds, remaining_seconds, credits_per_period, credits_used, balance,
      available, period_started_at <= server_time and period_ends_at > server_time
    from get_subscription_summary()$$,
  $$values ('pro', 'Pro', 7200, 0, 7200, 100::numeric, 2.5, 97.5, 97.5, true)$$,
  'one answer has the plan, the time and the credits'
);
select tests.sign_in_as('nobody yet');
select results_eq(
  'select plan_id, remaining_seconds, balance, credits_used from get_subscription_summary()',
  $$values ('free', 36000, 0::numeric, 0::numeric)$$, 'who is new has the default plan'
);

select * from finish();
rollback;
