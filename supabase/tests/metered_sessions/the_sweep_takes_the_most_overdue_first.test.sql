begin;
select plan(4);

-- given three sessions that are overdue by 10, 20 and 30 seconds and one that is live
select tests.sign_in_as(person) from unnest(array['ada']) as person;
select tests.sign_out();
do $$
declare v_person text;
begin
  foreach v_person in array array['ada', 'bob', 'cy', 'dee'] loop
    perform private.start_session(v_person, 'd', false, '{}');
  end loop;
end
$$;
select tests.age('ada', '100 seconds');
select tests.age('bob', '120 seconds');
select tests.age('cy', '110 seconds');

select is((private.close_due_sessions(2)).done_count, 2, 'a batch');
select results_eq(
  $$select user_id from usage_sessions where status = 'expired' order by 1$$, array['bob', 'cy'],
  'the most overdue'
);
create temporary table swept as select * from private.close_due_sessions(2);
select is(done_count, 1, 'the rest') from swept;
select is(
  next_deadline_at, (select expires_at from usage_sessions where user_id = 'dee'), 'and the next deadline'
) from swept;

select * from finish();
rollback;
