begin;
select plan(17);

select tests.sign_in_as('ada');
select throws_ok(call, code, slug, call) from (values
  ($$select start_usage_session(repeat('x', 513))$$, 'PT413', 'payload_too_large'),
  ($$select start_usage_session(metadata => jsonb_build_object('x', repeat('y', 16384)))$$, 'PT413', 'payload_too_large'),
  ($$select start_usage_session(metadata => null)$$, 'PT422', 'invalid_argument'),
  ($$select start_usage_session(metadata => '[]')$$, 'PT422', 'invalid_argument'),
  ($$select start_usage_session(take_over => null)$$, 'PT422', 'invalid_argument'),
  ($$select heartbeat_usage_session(null)$$, 'PT422', 'invalid_argument'),
  ($$select heartbeat_usage_session(gen_random_uuid(), repeat('x', 513))$$, 'PT413', 'payload_too_large'),
  ($$select pause_usage_session(null)$$, 'PT422', 'invalid_argument'),
  ($$select resume_usage_session(null)$$, 'PT422', 'invalid_argument'),
  ($$select stop_usage_session(null)$$, 'PT422', 'invalid_argument'),
  ($$select usage_ping(true, null, repeat('x', 513))$$, 'PT413', 'payload_too_large'),
  ($$select list_usage_sessions(page_size => 0)$$, 'PT422', 'invalid_argument'),
  ($$select list_usage_sessions(page_size => 201)$$, 'PT422', 'invalid_argument'),
  ($$select list_usage_sessions(page_size => null)$$, 'PT422', 'invalid_argument'),
  ($$select list_usage_sessions(before_id => gen_random_uuid())$$, 'PT422', 'invalid_argument')
) as v (call, code, slug);
select lives_ok($$select start_usage_session(repeat('ä', 512))$$, '512 characters are fine');
select is_empty('select * from list_usage_sessions(before => ''-infinity'')', 'an infinite time is a time');

select * from finish();
rollback;
