begin;
select plan(3);

insert into plans (id, name, period) values ('weekly', 'Weekly', '7 days');
select tests.sign_in_as('ada');
create temporary table began as select * from start_usage_session();
select tests.sign_out();
select tests.age('ada', '10 seconds');
update accounts set plan_id = 'weekly';
select tests.age('ada', '10 seconds');
select tests.sign_in_as('ada');
select is((stop_usage_session(session_id)).total_usage_seconds, 20, 'in the week') from began;
select tests.sign_out();
update accounts set plan_id = 'free';
select tests.sign_in_as('ada');
select is((get_usage_state()).total_usage_seconds, 20, 'and back in the month');
select is_empty(
  $$select * from usage_totals as t where t.used <> private.sum_of_intervals(
    t.user_id, t.period_started_at, t.period_ends_at)$$, 'each total is the sum of the stretches'
) from (select tests.sign_out()) as s;

select * from finish();
rollback;
