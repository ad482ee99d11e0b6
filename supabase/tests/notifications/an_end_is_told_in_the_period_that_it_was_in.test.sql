begin;
select plan(2);

update plans set period = '1 hour', limit_seconds = 60, near_limit_seconds = 0 where is_default;
select tests.sign_in_as('ada');
select start_usage_session();
select tests.sign_out();
-- nobody looked until the next period but one
select tests.age('ada', '2 hours 20 minutes');
select is((private.run_due()).done_count, 1, 'a late look');
select results_eq(
  $$select (n.payload ->> 'period_started_at')::timestamptz - a.period_anchor, n.payload -> 'total_usage_seconds'
    from notifications as n inner join accounts as a using (user_id) where n.kind = 'usage_capped'$$,
  $$values (interval '0', '60'::jsonb)$$,
  'tells of the cap as it was'
);

select * from finish();
rollback;
