begin;
select plan(5);

-- less than 1,800 seconds from the beginning
update plans set limit_seconds = 1799 where is_default;
select tests.sign_in_as('ada');
select is((start_usage_session()).is_near_limit, true, 'given somebody who is near at once');
select tests.sign_out();
select results_eq(
  'select kind, payload -> $$seconds_left$$ from notifications', $$values ('usage_near_limit', '1799'::jsonb)$$,
  'the start tells'
);
-- exactly 1,800
update plans set limit_seconds = 1800 where is_default;
select tests.sign_in_as('bob');
select is((start_usage_session()).is_near_limit, false, 'and somebody who is not yet');
select tests.sign_out();
select is(warn_at, started_at + interval '1 second', 'a second later it is told')
from usage_sessions where user_id = 'bob';
select is_empty($$select from notifications where user_id = 'bob'$$, 'and not before');

select * from finish();
rollback;
