begin;
select plan(1);

select is_empty(
  $$select i.indexrelid::regclass from pg_index as i
  where i.indrelid = 'session_participants'::regclass and pg_get_indexdef(i.indexrelid) like '%last_seen_at%'$$,
  'no index knows what a sign of life changes'
);

select * from finish();
rollback;
