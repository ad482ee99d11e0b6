begin;
select plan(3);

select tests.sign_in_as('ada');
select throws_ok(
  $$select start_usage_session(metadata => jsonb_build_object('a', (
    select jsonb_agg(1e131071::numeric) from generate_series(1, 9000))))$$,
  'PT413', 'payload_too_large', 'without making the text'
);
select throws_ok(
  $$select start_usage_session(metadata => ('{"a":' || repeat('[', 12000) || repeat(']', 12000) || '}')::jsonb)$$,
  'PT413', 'payload_too_large', 'nested deeper than PostgreSQL can follow'
);
select lives_ok(
  $$select start_usage_session(metadata => jsonb_build_object('a', (
    select jsonb_agg(1) from generate_series(1, 5400))))$$, '16 KiB of small numbers are fine'
);

select * from finish();
rollback;
