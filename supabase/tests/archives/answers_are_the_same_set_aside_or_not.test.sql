begin;
select plan(3);

update private.rollup_watermark set counted_until = '8';
select tests.log_usage('ada', age => '500 days', xact_id => '7');
select tests.log_usage('ada', age => '300 days', xact_id => '7');
select private.roll_up_usage(10);
create function pg_temp.answers() returns jsonb language plpgsql as $$
begin
  perform tests.sign_in_as('ada');
  return jsonb_build_array(
    (select jsonb_agg(to_jsonb(l)) from list_usage_logs() as l), to_jsonb(get_subscription_summary()),
    to_jsonb(get_credit_balance())
  );
end
$$;
create temporary table before as select pg_temp.answers() as answers;
select tests.sign_out();
select is(jsonb_array_length(answers -> 0), 1, 'given one log within its retention and one past it') from before;
update private.settings set archive_before_drop = true;
select is(private.drop_old_usage_logs(), 1::bigint, 'which is set aside');
select is(pg_temp.answers() - 1, answers - 1, 'nobody can tell') from before;

select * from finish();
rollback;
