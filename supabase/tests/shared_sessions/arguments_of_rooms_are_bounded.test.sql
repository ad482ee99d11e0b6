begin;
select plan(31);

create temporary table calls (call text, sqlstate text, slug text);
insert into calls
select format(call, repeat('x', 513)), 'PT413', 'payload_too_large' from unnest(array[
  'select create_reading_session(%L)', 'select create_reading_session(display_name => %L)',
  'select join_session(invite_code => %L)', $$select join_session(invite_code => 'x', display_name => %L)$$,
  $$select join_session(invite_code => 'x', access_method => %L)$$,
  'select remove_participant(gen_random_uuid(), %L)'
]) as call
union all
select call, 'PT422', 'invalid_argument' from unnest(array[
  'select create_reading_session(max_participants => null)', 'select create_reading_session(max_participants => 0)',
  'select create_reading_session(max_participants => -2147483648)',
  'select join_session()', 'select join_session(gen_random_uuid())',
  $$select join_session(access_method => 'direct', invite_code => 'x')$$,
  $$select join_session(invite_code => 'x', access_method => 'other')$$,
  $$select join_session(invite_code => 'x', access_method => null)$$,
  'select touch_presence(null)', 'select leave_session(null)', 'select end_reading_session(null)',
  $$select remove_participant(null, 'bob')$$, 'select remove_participant(gen_random_uuid(), null)',
  $$select remove_participant(gen_random_uuid(), '')$$,
  'select list_participants(null)', 'select check_session_expiry(null)'
]) as call
union all
select call, 'PT404', 'session_not_found' from unnest(array[
  $$select join_session(invite_code => '')$$, $$select join_session(invite_code => '\x5c00')$$,
  'select touch_presence(gen_random_uuid())', 'select leave_session(gen_random_uuid())',
  'select end_reading_session(gen_random_uuid())', $$select remove_participant(gen_random_uuid(), 'bob')$$,
  'select list_participants(gen_random_uuid())', 'select check_session_expiry(gen_random_uuid())'
]) as call;
grant select on calls to public;
select tests.sign_in_as('ada');
select throws_ok(call, sqlstate, slug, left(call, 90)) from calls;
select is((create_reading_session(max_participants => 2147483647)).max_participants, 2147483647, 'as many as you like');

select * from finish();
rollback;
