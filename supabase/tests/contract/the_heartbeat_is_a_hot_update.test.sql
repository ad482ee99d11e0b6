begin;
select plan(3);

select is_empty(
  $$select i.indexrelid::regclass from pg_index as i
  inner join pg_attribute as a on a.attrelid = i.indrelid and a.attname = 'expires_at'
  where i.indrelid = 'usage_sessions'::regclass
    and (a.attnum = any(i.indkey) or pg_get_indexdef(i.indexrelid) like '%expires_at%')$$,
  'no index knows what a heartbeat changes'
);
select is_empty(
  $$select i.indexrelid::regclass from pg_index as i
  inner join pg_attribute as a on a.attrelid = i.indrelid and a.attname = 'last_seen_at'
  where i.indrelid = 'user_sessions'::regclass
    and (a.attnum = any(i.indkey) or pg_get_indexdef(i.indexrelid) like '%last_seen_at%')$$,
  'of a tracked session neither'
);
select is_empty(
  $$select i.indexrelid::regclass from pg_index as i
  where i.indrelid = 'private.session_sections'::regclass
    and pg_get_indexdef(i.indexrelid) ~ 'visit_count|dwell|entered_at'$$,
  'nor a section what a visit changes'
);

select * from finish();
rollback;
