begin;
select plan(9);

insert into plans (id, name, limit_seconds) values ('pro', 'Pro', 7200), ('tiny', 'Tiny', 20);
select tests.sign_in_as('ada');
create temporary table began as select * from start_usage_session();
select tests.sign_out();
select tests.age('ada', '30 seconds');

-- when the plan is raised
select is((set_account('ada', 'pro')).plan_id, 'pro', 'changed');
select tests.sign_in_as('ada');
select is((get_usage_state()).limit_seconds, 7200, 'the new limit');
select is((get_usage_state()).total_usage_seconds, 30, 'the same use');
select is((get_usage_state()).version, 2::bigint, 'a transition');
select is(session_cap_at, session_started_at + interval '2 hours', 'the new cap') from get_usage_state();

-- when it is lowered below what is used
select tests.sign_out();
update accounts set plan_id = 'tiny' where user_id = 'ada';
select tests.sign_in_as('ada');
select is((get_usage_state()).status, 'capped', 'capped now');
select is((get_usage_state()).total_usage_seconds, 30, 'what was used stays used');
select is((get_usage_state()).time_remaining_seconds, 0, 'never negative');
select is((get_usage_state()).version, 3::bigint, 'one more transition');

select * from finish();
rollback;
