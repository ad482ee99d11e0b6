begin;
select plan(3);

insert into accounts (user_id, plan_id, period_anchor) select 'ada', id, now() from plans where is_default;
select private.notify('ada', kind, key, '{}', now() - age, now() + kept)
from (values
  ('purchase_completed', 'old', interval '31 days', interval '-31 days'),
  ('purchase_completed', 'young', '29 days', '-29 days'),
  ('usage_near_limit', 'of a period that is not over', '31 days', '1 day')
) as v (kind, key, age, kept);
select is(private.forget_old_notifications(), 1, 'one is done with');
select is(private.forget_old_notifications(), 0, 'once');
select is(private.notify('ada', 'usage_near_limit', 'of a period that is not over', '{}', now()), false, 'and none comes twice');

select * from finish();
rollback;
