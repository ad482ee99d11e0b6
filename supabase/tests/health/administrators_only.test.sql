begin;
select plan(4);

select tests.sign_in_as('ada');
select throws_ok('select health()', 'PT403', 'admin_only', 'a user is refused');
select tests.act_as('anon');
select throws_ok('select health()', '42501', null, 'anon may not even ask');
select tests.sign_in_as_admin('root');
select isnt(checks, null, 'an administrator is answered') from health();
select tests.act_as('service_role');
select isnt(checks, null, 'and so is a back end') from health();

select * from finish();
rollback;
