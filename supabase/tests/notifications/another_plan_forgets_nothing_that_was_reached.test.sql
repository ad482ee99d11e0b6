begin;
select plan(5);

create function pg_temp.told(person text) returns text language sql as $$
  select string_agg(
    concat_ws(' ', coalesce(payload ->> 'percent', kind), 'of', payload ->> 'limit_seconds'),
    ', ' order by created_at, (payload ->> 'percent')::integer nulls last
  ) from notifications where user_id = person
$$;
insert into plans (id, name, limit_seconds, near_limit_seconds) values ('big', 'Big', 9999, 0);
update plans set limit_seconds = 1000, near_limit_seconds = 0 where is_default;
update private.settings set session_ttl = '1 day';
select tests.sign_in_as(person), start_usage_session() from unnest('{ada,bob,eve,joe}'::text[]) as person;
select tests.sign_out();
select tests.age(person, '850 seconds') from unnest('{ada,bob}'::text[]) as person;
select tests.age(person, '20 minutes') from unnest('{eve,joe}'::text[]) as person;
-- nobody looked since
select set_account('ada', 'big');
select is(pg_temp.told('ada'), '80 of 1000', 'what was reached by the plan before is told');
select set_account('eve', 'big');
select is(
  pg_temp.told('eve'), '80 of 1000, 90 of 1000, 100 of 1000, usage_capped of 1000', 'and how it ended by it'
);
update plans set limit_seconds = 2000 where is_default;
select is(pg_temp.told('bob'), '80 of 1000', 'an edited plan is another one');
select is(
  pg_temp.told('joe'), '80 of 1000, 90 of 1000, 100 of 1000, usage_capped of 1000', 'for what ended by it too'
);
select private.run_due();
select is(count(*), 10::bigint, 'and nothing is told again') from notifications;

select * from finish();
rollback;
