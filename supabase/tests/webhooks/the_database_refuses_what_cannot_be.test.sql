begin;
select plan(17);

select tests.act_as('service_role');
select lives_ok($$insert into webhook_endpoints (url) values ('https://a.example:8443/hook?key=1')$$, 'an address');
select matches(secret, '^whsec_[A-Za-z0-9+/]{43}=$', 'gets a secret of its own') from webhook_endpoints;
select lives_ok($$insert into webhook_endpoints (url) values ('http://[2001:db8::1]:80')$$, 'in digits');
select throws_ok(format('insert into webhook_endpoints (url) values (%L)', url), '23514', null, url)
from unnest(array[
  'ftp://a.example', 'https://', 'https:///a', 'https://user:password@a.example', 'https://a.example/a b',
  e'https://a.example/\n', 'https://ä.example', 'https://a.example\@b', 'https://a.example/' || repeat('a', 2000)
]) as url;
select throws_ok(
  format('insert into webhook_endpoints (url, secret) values (''https://a.example'', %L)', secret), '23514', null, secret
) from unnest(array[
  'secret', 'whsec_', 'whsec_' || encode('too short', 'base64')
]) as secret;
select throws_ok(
  format('insert into webhook_endpoints (url, kinds) values (''https://a.example'', %L)', kinds), '23514', null, kinds
) from unnest(array['{}', '{other}']) as kinds;

select * from finish();
rollback;
