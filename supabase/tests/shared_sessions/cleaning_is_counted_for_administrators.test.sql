begin;
select plan(9);

-- pg_cron may have been here, or come while this runs.
insert into private.job_runs values ('cleanup_inactive_sessions', 'cron', 0, '-infinity', 0, 0, '-infinity')
on conflict on constraint job_runs_pkey do update
set (run_count, last_run_at, last_done_count, done_count, next_run_at) = (0, '-infinity', 0, 0, '-infinity');
delete from private.job_runs where run_by <> 'cron';

select tests.sign_in_as('ada');
create temporary table made as select * from create_reading_session();
select throws_ok('select get_cleanup_stats()', 'PT403', 'admin_only', 'not for users');
select throws_ok('select cleanup_inactive_sessions()', '42501', null, 'nor is cleaning');
select set_config('request.jwt.claims', '{"role": "authenticated"}', true);
select throws_ok('select get_cleanup_stats()', 'PT401', 'not_signed_in', 'nor for nobody');
select tests.act_as('service_role');
select is(total_runs, 0::bigint, 'no runs yet') from get_cleanup_stats();
select tests.sign_out();
select tests.age_room(id, '61 minutes') from made;
select is((private.run_due()).done_count, 2, 'the sweep expires it and, as it is due, removes it');
select is((private.run_due()).done_count, 0, 'once');
select tests.act_as('service_role');
select is(cleanup_inactive_sessions(), 0, 'nothing is left');
select set_config('request.jwt.claims', '{"sub": "ada", "role": "authenticated", "app_metadata": {"role": "admin"}}', true);
select results_eq(
  'select total_runs, last_run_by, last_removed, total_removed from get_cleanup_stats()',
  $$values (2::bigint, 'manual', 0, 1::bigint)$$, 'who, when, how much'
);
select tests.sign_out();
select ok((private.run_due()).next_deadline_at between now() + interval '14 minutes' and now() + interval '16 minutes', 'due again cleanup_interval later');

select * from finish();
rollback;
