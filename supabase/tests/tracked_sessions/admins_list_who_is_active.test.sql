begin;
select plan(7);

do $$
declare
  v_person text;
begin
  foreach v_person in array array['ada', 'bob', 'tim', 'zoe'] loop
    perform tests.sign_in_as(v_person);
    perform start_user_session();
  end loop;
end
$$;
select tests.sign_out();
select tests.age('zoe', '1 hour');
select throws_ok('select get_active_sessions()', 'PT401', 'not_signed_in', 'not nobody');
select tests.sign_in_as('ada');
select throws_ok('select get_active_sessions()', 'PT403', 'admin_only', 'not a user');
select tests.sign_in_as_admin('grace');
select bag_eq('select user_id from get_active_sessions()', array['ada', 'bob', 'tim'], 'who was seen within the hour');
select is(count(end_token), 0::bigint, 'without tokens') from get_active_sessions();
create temporary table page as select * from get_active_sessions(page_size => 2);
select is(count(*), 2::bigint, 'a page') from page;
select is(count(*), 1::bigint, 'and the rest')
from get_active_sessions((select id from page order by id desc limit 1));
select throws_ok('select get_active_sessions(page_size => 201)', 'PT422', 'invalid_argument', 'no longer pages');

select * from finish();
rollback;
