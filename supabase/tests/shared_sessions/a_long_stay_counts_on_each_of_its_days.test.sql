begin;
select plan(3);

update private.settings set session_timeout = '10 days';
select tests.sign_in_as('ada');
create temporary table made as select * from create_reading_session();
grant select on made to public;
select tests.sign_in_as('bob');
select is((join_session(invite_code => invite_code)).user_id, 'bob', 'given bob, for a moment only') from made;
select tests.sign_out();
select tests.age_room(id, '3 days') from made;
select tests.sign_in_as('ada');
select ok(touch_presence(id) is not null, 'and ada, for three days') from made;
select tests.act_as('service_role');
select results_eq(
  $$select (d ->> 'day')::date - (select created_at at time zone 'UTC' from made)::date, d -> 'sessions', d -> 'participants'
  from jsonb_array_elements((get_session_analytics(7)).per_day) as d$$,
  $$values (-3, '1'::jsonb, '2'::jsonb), (-2, '0', '1'), (-1, '0', '1'), (0, '0', '1')$$,
  'each is counted on the days they were in'
);

select * from finish();
rollback;
