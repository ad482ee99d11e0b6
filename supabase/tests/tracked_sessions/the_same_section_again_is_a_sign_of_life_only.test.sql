begin;
select plan(3);

select tests.sign_in_as('ada');
create temporary table s as select * from start_user_session(app_section => 'home');
select tests.sign_out();
select tests.age('ada', '60 seconds');
select tests.sign_in_as('ada');
create temporary table same as select u.* from s cross join update_session_section(id, 'home', '{"a": 1}') as u;
select is(same.metadata, s.metadata, 'nothing is merged or appended') from same, s;
select ok(last_seen_at >= session_start + interval '60 seconds', 'it was seen') from same;
select is_empty($$select 1 from session_events where event_type = 'section_change'$$, 'no event');

select * from finish();
rollback;
