begin;
select plan(4);

insert into plans (id, name, limit_seconds, near_limit_seconds) values ('small', 'Small', 600, 0), ('big', 'Big', 9999, 0);
update plans set limit_seconds = 1000, near_limit_seconds = 0 where is_default;
update private.settings set session_ttl = '1 day';
select tests.sign_in_as('ada');
select start_usage_session();
select tests.sign_out();
select tests.age('ada', '500 seconds');
select set_account('ada', 'small');
select results_eq('select payload -> $$percent$$ from notifications', $$values ('80'::jsonb)$$, 'a live session');
select is(warn_at, started_at + interval '540 seconds', 'which knows the next') from usage_sessions;
select set_account('ada', 'big');
select tests.sign_in_as('ada');
select stop_usage_session(id) from usage_sessions;
select tests.sign_out();
select is(count(*), 1::bigint, 'a bigger one tells nothing') from notifications;
update plans set limit_seconds = 520 where id = 'small';
select set_account('ada', 'small');
select results_eq(
  'select payload -> $$percent$$ from notifications order by 1', $$values ('80'::jsonb), ('90')$$,
  'nor does a smaller one tell the same again, without a session'
);

select * from finish();
rollback;
