begin;
select plan(54);

select tests.act_as('service_role');
select throws_ok(call, code, slug, call) from (values
  ($$select record_usage(null, 1)$$, 'PT422', 'invalid_argument'),
  ($$select record_usage('', 1)$$, 'PT422', 'invalid_argument'),
  ($$select record_usage(repeat('x', 257), 1)$$, 'PT422', 'invalid_argument'),
  ($$select record_usage(repeat('x', 513), 1)$$, 'PT413', 'payload_too_large'),
  ($$select record_usage('ada')$$, 'PT422', 'invalid_argument'),
  ($$select record_usage('ada', -1)$$, 'PT422', 'invalid_argument'),
  ($$select record_usage('ada', 'NaN')$$, 'PT422', 'invalid_argument'),
  ($$select record_usage('ada', 'infinity')$$, 'PT422', 'invalid_argument'),
  ($$select record_usage('ada', 1e100)$$, 'PT422', 'invalid_argument'),
  ($$select record_usage('ada', 1e-101)$$, 'PT422', 'invalid_argument'),
  ($$select record_usage('ada', 1, prompt_tokens => -1)$$, 'PT422', 'invalid_argument'),
  ($$select record_usage('ada', 1, prompt_tokens => null)$$, 'PT422', 'invalid_argument'),
  ($$select record_usage('ada', 1, completion_tokens => -1)$$, 'PT422', 'invalid_argument'),
  ($$select record_usage('ada', 1, completion_tokens => null)$$, 'PT422', 'invalid_argument'),
  ($$select record_usage('ada', 1, kind => null)$$, 'PT422', 'invalid_argument'),
  ($$select record_usage('ada', 1, metadata => null)$$, 'PT422', 'invalid_argument'),
  ($$select record_usage('ada', 1, metadata => '[]')$$, 'PT422', 'invalid_argument'),
  ($$select record_usage('ada', 1, overdraft => null)$$, 'PT422', 'invalid_argument'),
  ($$select record_usage('ada', 1, kind => repeat('x', 513))$$, 'PT413', 'payload_too_large'),
  ($$select record_usage('ada', 1, repeat('x', 513))$$, 'PT413', 'payload_too_large'),
  ($$select record_usage('ada', 1, thread_id => repeat('x', 513))$$, 'PT413', 'payload_too_large'),
  ($$select record_usage('ada', 1, idempotency_key => repeat('x', 513))$$, 'PT413', 'payload_too_large'),
  ($$select record_usage('ada', 1, metadata => '{"x": 1e100000}')$$, 'PT413', 'payload_too_large'),
  ($$select hold_credits('ada', 0)$$, 'PT422', 'invalid_argument'),
  ($$select hold_credits('ada', null)$$, 'PT422', 'invalid_argument'),
  ($$select hold_credits('ada', 1, null)$$, 'PT422', 'invalid_argument'),
  ($$select hold_credits('ada', 1, '0')$$, 'PT422', 'invalid_argument'),
  ($$select hold_credits('ada', 1, '1 month -1 day')$$, 'PT422', 'invalid_argument'),
  ($$select hold_credits('ada', 1, '101 years')$$, 'PT422', 'invalid_argument'),
  ($$select hold_credits('ada', 1, '1 day', repeat('x', 513))$$, 'PT413', 'payload_too_large'),
  ($$select release_hold(null)$$, 'PT422', 'invalid_argument'),
  ($$select refund_usage(gen_random_uuid(), repeat('x', 513))$$, 'PT413', 'payload_too_large'),
  ($$select grant_credits('ada', 0)$$, 'PT422', 'invalid_argument'),
  ($$select grant_credits('ada', -1)$$, 'PT422', 'invalid_argument'),
  ($$select grant_credits('ada', 1, null)$$, 'PT422', 'invalid_argument'),
  ($$select grant_credits('ada', 1, '')$$, 'PT422', 'invalid_argument'),
  ($$select grant_credits('ada', 1, repeat('x', 513))$$, 'PT413', 'payload_too_large'),
  ($$select grant_credits('ada', 1, priority => null)$$, 'PT422', 'invalid_argument'),
  ($$select grant_credits('ada', 1, expires_at => '-infinity')$$, 'PT422', 'invalid_argument'),
  ($$select record_purchase('ada', 0, 1, 'EUR', 'p', 'r', 'pending')$$, 'PT422', 'invalid_argument'),
  ($$select record_purchase('ada', 1, -1, 'EUR', 'p', 'r', 'pending')$$, 'PT422', 'invalid_argument'),
  ($$select record_purchase('ada', 1, null, 'EUR', 'p', 'r', 'pending')$$, 'PT422', 'invalid_argument'),
  ($$select record_purchase('ada', 1, 1, 'eur', 'p', 'r', 'pending')$$, 'PT422', 'invalid_argument'),
  ($$select record_purchase('ada', 1, 1, E'EUR\n', 'p', 'r', 'pending')$$, 'PT422', 'invalid_argument'),
  ($$select record_purchase('ada', 1, 1, null, 'p', 'r', 'pending')$$, 'PT422', 'invalid_argument'),
  ($$select record_purchase('ada', 1, 1, 'EUR', '', 'r', 'pending')$$, 'PT422', 'invalid_argument'),
  ($$select record_purchase('ada', 1, 1, 'EUR', 'p', null, 'pending')$$, 'PT422', 'invalid_argument'),
  ($$select record_purchase('ada', 1, 1, 'EUR', 'p', repeat('x', 513), 'pending')$$, 'PT413', 'payload_too_large'),
  ($$select record_purchase('ada', 1, 1, 'EUR', 'p', 'r', 'paid')$$, 'PT422', 'invalid_argument'),
  ($$select record_purchase('ada', 1, 1, 'EUR', 'p', 'r', null)$$, 'PT422', 'invalid_argument'),
  ($$select record_purchase('ada', 1, 1, 'EUR', 'p', 'r', repeat('x', 513))$$, 'PT413', 'payload_too_large')
) as v (call, code, slug);
select is_empty('select * from accounts', 'none of them made an account');

-- the longest texts, of the longest characters, are fine
create temporary table long as
select string_agg(chr(65536 + (random() * 900000)::integer), '') as text from generate_series(1, 512);
select is(
  (record_usage(
    left(text, 256), 0, text, thread_id => text, kind => text, idempotency_key => text
  )).thread_id, text, 'in a charge'
) from long;
select is(
  (record_purchase(left(text, 256), 1, 1, 'EUR', text, reverse(text), 'completed')).provider, text, 'in a purchase'
) from long;

select * from finish();
rollback;
