begin;
select plan(5);

insert into plans (id, name, limit_seconds) values ('tiny', 'Tiny', 60), ('pro', 'Pro', 7200);
select set_account('ada', 'tiny');
select tests.sign_in_as('ada');
select is((start_usage_session()).status, 'active', 'given a session on a small plan');
select tests.sign_out();
select tests.age('ada', '75 seconds');
-- when nobody noticed its cap and the plan is raised
select is((set_account('ada', 'pro')).plan_id, 'pro', 'raised');
select tests.sign_in_as('ada');
select is((get_usage_state()).status, 'capped', 'it had been capped');
select is((get_usage_state()).total_usage_seconds, 60, 'at the old limit');
select is((start_usage_session()).status, 'active', 'and a new one may start');

select * from finish();
rollback;
