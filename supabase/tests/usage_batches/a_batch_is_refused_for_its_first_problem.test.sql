begin;
select plan(2);

select tests.act_as('service_role');
select throws_ok(format('select record_usage_batch(%L)', entries), 'PT404', slug, slug || ' comes first')
from (values
  ('rate_not_found', '[{"user_id": "ada", "model": "none", "hold_id": "00000000-0000-4000-8000-000000000002"},
    {"user_id": "ada", "credits": 1, "hold_id": "00000000-0000-4000-8000-000000000001"}]'),
  ('hold_not_found', '[{"user_id": "ada", "credits": 1, "hold_id": "00000000-0000-4000-8000-000000000001"},
    {"user_id": "ada", "model": "none"}]')
) as v (slug, entries);

select * from finish();
rollback;
