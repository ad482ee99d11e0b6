begin;
select plan(9);

select tests.sign_in_as('ada');
create temporary table made as select * from create_reading_session();
select tests.sign_out();
select tests.age_room(id, '1 hour') from made;
select tests.sign_in_as('bob');
grant select on made to public;
prepare late as select join_session(invite_code => (select invite_code from made));
create function pg_temp.detail_of_late() returns text language plpgsql as $$
declare
  v_detail text;
begin
  execute 'execute late';
  return null;
exception when sqlstate 'PT410' then
  get stacked diagnostics v_detail = pg_exception_detail;
  return v_detail;
end
$$;
select is(
  pg_temp.detail_of_late(),
  'This invitation link has expired. Sessions become inactive after 1 hour of no activity.', 'word for word'
);
select tests.sign_out();
select is(private.in_words(duration), words, words) from (values
  (interval '1 hour', '1 hour'), ('90 minutes', '90 minutes'), ('24 hours', '1 day'), ('2 days', '2 days'),
  ('1 second', '1 second'), ('1.5 seconds', '1.5 seconds'), ('2 months', '2 months'), ('1 year', '1 year')
) as known (duration, words);

select * from finish();
rollback;
