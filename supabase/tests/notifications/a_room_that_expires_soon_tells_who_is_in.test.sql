begin;
select plan(4);

select tests.sign_in_as('ada');
create temporary table made as select * from create_reading_session('Poems');
grant select on made to public;
select tests.sign_in_as('bob');
select join_session(invite_code => invite_code) from made;
select tests.sign_in_as('eve');
select join_session(invite_code => invite_code) from made;
select leave_session(id) from made;
select tests.sign_out();
select tests.age_room(id, '55 minutes') from made;
select private.run_due();
select private.run_due();
select results_eq(
  $$select user_id, kind, payload ->> 'title', (payload ->> 'session_id')::uuid, payload -> 'minutes_left'
    from notifications order by 1$$,
  $$select who, 'session_expiring'::text, 'Poems'::text, id, '4'::jsonb from made, unnest('{ada,bob}'::text[]) as who$$,
  'each who is in, once'
);
select tests.sign_in_as('ada');
select touch_presence(id) from made;
select tests.sign_out();
select tests.age_room(id, '55 minutes') from made;
select private.run_due();
select is(count(*), 4::bigint, 'and again before another expiry') from notifications;
select tests.sign_in_as('bob');
select results_eq('select distinct user_id from notifications', $$values ('bob')$$, 'a user reads their own');
select tests.act_as('anon');
select throws_ok('select * from notifications', '42501', null, 'and anon none');

select * from finish();
rollback;
