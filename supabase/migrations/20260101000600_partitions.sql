-- Partitions of the tables that grow: a week or a month of rows each (UTC), made ahead, dropped
-- whole. A row whose step has no partition yet waits in the table's default partition, where every
-- query finds it. The table is in `public`, its partitions are in `private`: through the table its
-- policies count.

create function private.partition_name(table_name text, step text, since timestamp)
returns text
language sql
immutable
security invoker
set search_path = ''
as $$
  select table_name || '_'
    || to_char(since, case step when 'month' then 'YYYYMM' else 'YYYYMMDD' end);
$$;

comment on function private.partition_name(text, text, timestamp) is
'What the partition of a step (week or month) that begins at this time of UTC is called.';

create function private.make_partition(
  table_name text, name text, since timestamptz, until timestamptz
)
returns integer
language plpgsql
security invoker
set search_path = ''
as $$
declare
  v_default text := table_name || '_default';
  v_moved_count integer;
begin
  -- Before the default partition, as whoever reads or writes. Who had found already that a row
  -- belongs there would be refused once it has become another's.
  execute format('lock table only public.%I in access exclusive mode', table_name);
  execute format('create table private.%I (like public.%I including all)', name, table_name);
  execute format('alter table private.%I enable row level security', name);
  -- Nothing may come in between the move and the attachment.
  execute format('lock table private.%I in access exclusive mode', v_default);
  execute format(
    'with stray as (
      delete from private.%I where created_at >= $1 and created_at < $2 returning *
    )
    insert into private.%I select * from stray',
    v_default, name
  )
  using since, until;
  get diagnostics v_moved_count = row_count;
  execute format(
    'alter table public.%I attach partition private.%I for values from (%L) to (%L)',
    table_name, name, since, until
  );
  return v_moved_count;
end
$$;

comment on function private.make_partition(text, text, timestamptz, timestamptz) is
'Makes the partition of a table for the rows created between two instants, and moves what waits '
'for it in the default partition. Returns how many rows that were.';

create function private.make_partitions(
  table_name text, step text, ahead integer, out made_count integer, out moved_count integer
)
language plpgsql
security invoker
set search_path = ''
-- Rather another time than a queue of writers behind this.
set lock_timeout = '500ms'
as $$
declare
  v_step interval := ('1 ' || step)::interval;
  v_now timestamp := clock_timestamp() at time zone 'UTC';
  v_wanted timestamp [];
  v_since timestamp;
  v_name text;
begin
  made_count := 0;
  moved_count := 0;
  -- One at a time, beside everybody who reads or writes.
  execute format('lock table only public.%I in share update exclusive mode', table_name);
  execute format(
    'select array(
      select $1 + n * $2 from generate_series(0, $3) as n
      union
      select date_trunc($4, d.created_at at time zone ''UTC'') from private.%I as d
      order by 1
    )',
    table_name || '_default'
  )
  into v_wanted
  using date_trunc(step, v_now), v_step, ahead, step;
  foreach v_since in array v_wanted
  loop
    v_name := private.partition_name(table_name, step, v_since);
    continue when to_regclass(format('private.%I', v_name)) is not null;
    moved_count := moved_count + private.make_partition(
      table_name, v_name, v_since at time zone 'UTC', (v_since + v_step) at time zone 'UTC'
    );
    made_count := made_count + 1;
  end loop;
end
$$;

comment on function private.make_partitions(text, text, integer) is
'Makes the partitions of a table for this step (week or month) and for those ahead, and for each '
'that has rows in the default partition, which it moves. Idempotent. Answers how many partitions '
'it made and rows it moved; gives up (55P03) when somebody holds a lock that it needs for half a '
'second.';

create function private.move_strays(table_name text, step text)
returns void
language plpgsql
security invoker
set search_path = ''
as $$
begin
  perform private.make_partitions(table_name, step, 0);
exception
  when lock_not_available or deadlock_detected then
    null; -- The strays can wait.
end
$$;

comment on function private.move_strays(text, text) is
'Moves what waits in a table''s default partition into the partitions of its steps, unless '
'somebody holds a lock that this needs for half a second.';

create function private.partitions_before(
  table_name text, step text, until timestamptz, out name text, out row_count bigint
)
returns setof record
language plpgsql
stable
security invoker
set search_path = ''
as $$
begin
  for name in
    select p.name
    from (
      select
        c.relname::text as name,
        substring(c.relname from length(table_name) + 2) as digits
      from pg_catalog.pg_inherits as i
      inner join pg_catalog.pg_class as c on c.oid = i.inhrelid
      where i.inhparent = to_regclass(format('public.%I', table_name))
    ) as p
    where
      p.digits ~ '^([0-9]{6}|[0-9]{8})$'
      and to_date(rpad(p.digits, 8, '01'), 'YYYYMMDD') + ('1 ' || step)::interval
      <= until at time zone 'UTC'
    order by p.name
  loop
    execute format('select count(*) from private.%I', name) into row_count;
    return next;
  end loop;
end
$$;

comment on function private.partitions_before(text, text, timestamptz) is
'The partitions of a table whose step (week or month) is over at an instant, the oldest first, and '
'how many rows each has.';

create function private.drop_partition(
  table_name text, name text, uncounted_from xid8 default null
)
returns boolean
language plpgsql
security invoker
set search_path = ''
set lock_timeout = '500ms'
as $$
declare
  v_is_kept boolean := false;
begin
  -- The table before its partition, as whoever queries it; then nobody can add to what is judged.
  execute format('lock table only public.%I in access exclusive mode', table_name);
  execute format('lock table private.%I in access exclusive mode', name);
  if uncounted_from is not null then
    execute format('select exists (select from private.%I where xact_id >= $1)', name)
    into v_is_kept
    using uncounted_from;
  end if;
  if v_is_kept then
    return false;
  end if;
  execute format('alter table public.%I detach partition private.%I', table_name, name);
  if private.is_to_be_archived(name) then
    perform private.await_archive(table_name, name);
  else
    execute format('drop table private.%I', name);
  end if;
  return true;
exception
  when lock_not_available or deadlock_detected then
    return false;
end
$$;

comment on function private.drop_partition(text, text, xid8) is
'Drops a partition, or only takes it out of its table until it is archived '
'(archive_before_drop). False, and it stays, when one of its rows is of the transaction given or a '
'later one, or somebody holds a lock that this needs for half a second.';
