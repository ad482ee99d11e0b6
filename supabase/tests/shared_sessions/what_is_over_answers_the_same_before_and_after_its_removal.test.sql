begin;
select plan(38);

select tests.sign_in_as('ada');
create temporary table made as select * from create_reading_session(max_participants => 4);
grant select on made to public;
create function pg_temp.join_as(person text) returns void language plpgsql as $$
begin
  perform tests.sign_in_as(person);
  perform join_session(invite_code => (select invite_code from made));
end
$$;
select lives_ok(format('select pg_temp.join_as(%L)', person), person || ' joins') from unnest(array['bob', 'cleo', 'dan']) as person;
select tests.sign_in_as('cleo');
select lives_ok('select leave_session((select id from made))', 'cleo leaves');
select tests.sign_in_as('ada');
select lives_ok($$select remove_participant((select id from made), 'dan')$$, 'dan is removed');
select tests.sign_out();
select tests.age_room(id, '1 hour') from made;

create function pg_temp.answers(state text) returns setof text language plpgsql as $$
begin
  perform tests.sign_in_as('bob');
  return next throws_ok('select touch_presence((select id from made))', 'PT409', 'session_closed', 'touch, ' || state);
  return next throws_ok('select join_session(invite_code => (select invite_code from made))', 'PT410', 'invite_expired', 'link, ' || state);
  return next throws_ok($t$select join_session((select id from made), access_method => 'direct')$t$, 'PT409', 'session_closed', 'direct, ' || state);
  return next is_empty('select list_participants((select id from made))', 'list, ' || state);
  return next ok((select is_expired and minutes_until_expiry = 0 from check_session_expiry((select id from made))), 'report, ' || state);
  return next throws_ok('select end_reading_session((select id from made))', 'PT403', 'not_the_host', 'end, ' || state);
  return next lives_ok('select leave_session((select id from made))', 'leave, ' || state);
  perform tests.sign_in_as('ada');
  return next lives_ok('select end_reading_session((select id from made))', 'end by the host, ' || state);
  return next throws_ok($t$select remove_participant((select id from made), 'bob')$t$, 'PT409', 'session_closed', 'remove, ' || state);
  perform tests.sign_in_as('cleo');
  return next throws_ok('select touch_presence((select id from made))', 'PT403', 'not_a_participant', 'who left, ' || state);
  perform tests.sign_in_as('dan');
  return next throws_ok('select join_session(invite_code => (select invite_code from made))', 'PT403', 'not_a_participant', 'who was removed, ' || state);
  perform tests.sign_in_as('eve');
  return next throws_ok('select touch_presence((select id from made))', 'PT404', 'session_not_found', 'a stranger, ' || state);
  return next throws_ok('select join_session(invite_code => (select invite_code from made))', 'PT410', 'invite_expired', 'a new one, ' || state);
  perform tests.sign_out();
end
$$;
select pg_temp.answers('before');
select tests.act_as('service_role');
select is(cleanup_inactive_sessions(), 1, 'it is removed');
select tests.sign_out();
select is_empty('select * from session_participants', 'with all who were in');
select pg_temp.answers('after');
select tests.sign_in_as('bob');
select ok(expires_at > now() - interval '1 minute', 'the report keeps its instant') from check_session_expiry((select id from made));
select tests.sign_out();
select tests.age_room(id, '90 days') from made;
select tests.sign_in_as('bob');
select throws_ok('select touch_presence((select id from made))', 'PT404', 'session_not_found', 'session_retention later nobody knows it');
select throws_ok('select join_session(invite_code => (select invite_code from made))', 'PT404', 'session_not_found', 'nor its link');
select tests.act_as('service_role');
select is(cleanup_inactive_sessions(), 0, 'nothing to remove');
select tests.sign_out();
select is_empty('select * from private.rooms', 'but the tombstone');

select * from finish();
rollback;
