begin;
select plan(10);

select tests.sign_in_as('ada');
create temporary table before as select * from start_usage_session('phone');

-- when another device starts
select throws_ok(
  $$select start_usage_session('tablet')$$, 'PT409', 'session_active_elsewhere', 'it is refused'
);
create temporary table moved as select * from start_usage_session('tablet', take_over => true);

-- then the session has moved
select is(m.session_id, b.session_id, 'same session') from moved as m, before as b;
select is(m.session_started_at, b.session_started_at, 'same clock') from moved as m, before as b;
select isnt(m.end_token, b.end_token, 'new end token') from moved as m, before as b;
select is(m.version, b.version + 1, 'one transition') from moved as m, before as b;
select throws_ok(
  $$select heartbeat_usage_session(session_id, 'phone') from before$$,
  'PT409', 'session_active_elsewhere', 'the old device cannot go on'
);
select throws_ok(
  $$select usage_ping(false, session_id, 'phone') from before$$,
  'PT409', 'session_active_elsewhere', 'nor stop it by its ping'
);
select lives_ok($$select end_session_with_token(end_token) from before$$, 'its token is spent');
select is((get_usage_state()).status, 'active', 'and did nothing');
select is(
  (start_usage_session('tablet', take_over => true)).version, (select version from moved),
  'taking over what one holds changes nothing'
);

select * from finish();
rollback;
