-- Archives of partitions that are past their retention. With settings.archive_before_drop such a
-- partition is not dropped but taken out of its table: it stays in `private`, where no query finds
-- it, until a worker has written its rows elsewhere and count and checksum agree.

create table private.archives (
  name text not null,
  detached_at timestamptz not null,
  table_name text not null,
  starts_at timestamptz not null,
  ends_at timestamptz not null,
  change_count bigint not null default 0,
  fault text,
  failed_at timestamptz,
  row_count bigint,
  row_checksum text,
  byte_count bigint,
  file_name text,
  archived_at timestamptz,
  primary key (name, detached_at),
  constraint it_waits_or_is_archived_whole check (
    num_nulls(row_count, row_checksum, byte_count, file_name, archived_at) in (0, 5)
  )
);

comment on table private.archives is
'Partitions that were taken out of their table to be archived, which wait while archived_at is '
'null, and the archives of those that are gone: where, how many rows and bytes, which checksum '
'(private.sums_of_partition). Written by private.drop_partition and the functions below.';
comment on column private.archives.change_count is
'How many statements changed the rows while they waited: an archive of earlier rows is none.';
comment on column private.archives.fault is 'Why the last try failed, and failed_at when.';
comment on column private.archives.file_name is
'The file, below what the worker has as ARCHIVE_URL.';

create unique index archives_one_waits_of_a_name on private.archives (name)
where archived_at is null;

alter table private.archives enable row level security;

-- Taking a partition out of its table.

create function private.count_change_of_partition()
returns trigger
language plpgsql
security invoker
set search_path = ''
as $$
begin
  update private.archives as a set change_count = a.change_count + 1
  where a.name = tg_table_name and a.archived_at is null;
  return null;
end
$$;

comment on function private.count_change_of_partition() is
'Trigger on each partition that waits to be archived: whatever changes its rows, by whomever, is '
'counted, so that no archive of earlier rows passes for complete.';

create function private.is_to_be_archived(name text)
returns boolean
language plpgsql
stable
security invoker
set search_path = ''
as $$
declare
  v_has_rows boolean;
begin
  if not (select s.archive_before_drop from private.settings as s) then
    return false;
  end if;
  execute format('select exists (select from private.%I)', name) into v_has_rows;
  return v_has_rows;
end
$$;

comment on function private.is_to_be_archived(text) is
'Whether a partition has to wait for its archive: with archive_before_drop, unless it is empty.';

create function private.await_archive(table_name text, name text)
returns void
language plpgsql
security invoker
set search_path = ''
as $$
declare
  v_digits text := substring(name from '\d+$');
  v_since timestamp := to_date(rpad(v_digits, 8, '01'), 'YYYYMMDD');
begin
  execute format(
    'create trigger changes_are_counted after insert or update or delete or truncate '
    'on private.%I for each statement execute function private.count_change_of_partition()',
    name
  );
  execute format(
    'comment on table private.%I is %L',
    name, format('Taken out of public.%s, waits to be archived: see private.archives.', table_name)
  );
  insert into private.archives (name, detached_at, table_name, starts_at, ends_at)
  values (
    name, clock_timestamp(), table_name,
    v_since at time zone 'UTC',
    (v_since + case length(v_digits) when 6 then interval '1 month' else interval '1 week' end)
    at time zone 'UTC'
  );
end
$$;

comment on function private.await_archive(text, text) is
'Enters a partition that was just detached from its table among those that wait.';

create function private.erase_awaiting(table_name text, column_name text, ids anyarray)
returns bigint
language plpgsql
security invoker
set search_path = ''
as $$
declare
  v_name text;
  v_has_rows boolean;
  v_count bigint;
  v_total bigint := 0;
begin
  for v_name in
    select a.name
    from private.archives as a
    where a.table_name = erase_awaiting.table_name and a.archived_at is null
    order by a.name, a.detached_at
    -- Neither archived meanwhile nor erased from by another, who would wait for us.
    for no key update
  loop
    -- A statement that removes nothing would be counted as a change too.
    execute format('select exists (select from private.%I where %I = any($1))', v_name, column_name)
    into v_has_rows
    using ids;
    continue when not v_has_rows;
    execute format('delete from private.%I where %I = any($1)', v_name, column_name) using ids;
    get diagnostics v_count = row_count;
    v_total := v_total + v_count;
  end loop;
  return v_total;
end
$$;

comment on function private.erase_awaiting(text, text, anyarray) is
'For an erasure: removes the rows with these ids from what waits to be archived of a table, and '
'answers how many. What is archived already is out of reach.';

-- What an archive has to agree with.

create function private.column_as_text(name text, type regtype)
returns text
language sql
immutable
security invoker
set search_path = ''
as $$
  select case
    when type = 'timestamptz'::regtype
      then format('(extract(epoch from %I) * 1000000)::bigint::text', name)
    else format('%I::text', name)
  end;
$$;

comment on function private.column_as_text(text, regtype) is
'An expression for the text of a column that every program writes alike, nothing rounded: '
'instants in microseconds since 1970, the rest as PostgreSQL writes it.';

create function private.query_of_partition(
  partition regclass, pattern text, quoting text
)
returns text
language sql
stable
security invoker
set search_path = ''
as $$
  select format(
    pattern,
    string_agg(
      replace(quoting, '?', private.column_as_text(a.attname, a.atttypid)), ', ' order by a.attnum
    ),
    query_of_partition.partition
  )
  from pg_catalog.pg_attribute as a
  where a.attrelid = query_of_partition.partition and a.attnum > 0 and not a.attisdropped;
$$;

comment on function private.query_of_partition(regclass, text, text) is
'A query of a partition: the pattern with, for its first %s, the expressions of '
'private.column_as_text for all columns in their order, each put where `quoting` has its question '
'marks, and for its second the name.';

create function private.sums_of_partition(
  name text, out row_count bigint, out row_checksum text
)
language plpgsql
stable
security invoker
set search_path = ''
set jit = off
as $$
declare
  v_partition regclass := format('private.%I', name);
begin
  execute private.query_of_partition(
    v_partition,
    $q$select
      count(*),
      coalesce(sum(('x0' || substr(d.md5, 1, 15))::bit(64)::bigint), 0)
      || '-' || coalesce(sum(('x0' || substr(d.md5, 16, 15))::bit(64)::bigint), 0)
    from (select md5(concat_ws(';', %s)) as md5 from %s) as d$q$,
    $q$coalesce(octet_length(?) || ':' || ?, '-')$q$
  )
  into row_count, row_checksum;
end
$$;

comment on function private.sums_of_partition(text) is
'Counts the rows of a partition and adds up the MD5 of each, digits 1 to 15 and 16 to 30 apart: '
'"sum-sum". A row''s text is that of its columns, separated by semicolons, each after its length '
'in bytes and a colon; a null is "-".';

-- What the worker calls.

create function private.set_partitions_aside()
returns bigint
language plpgsql
security definer
set search_path = ''
as $$
begin
  if not (select s.archive_before_drop from private.settings as s) then
    return 0;
  end if;
  return private.drop_old_events() + private.drop_old_usage_logs();
end
$$;

comment on function private.set_partitions_aside() is
'With archive_before_drop, takes what is past its retention out of its table, as pg_cron does '
'daily, and answers how many rows. Definer: the worker cannot write tables.';

grant execute on function private.set_partitions_aside() to hourglass_worker;

create function private.next_awaiting(
  after text,
  out name text,
  out detached_at timestamptz,
  out table_name text,
  out starts_at timestamptz,
  out ends_at timestamptz,
  out change_count bigint,
  out block_count bigint,
  out column_types jsonb
)
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  select
    a.name, a.detached_at, a.table_name, a.starts_at, a.ends_at, a.change_count,
    pg_relation_size(c.oid) / current_setting('block_size')::bigint,
    (
      select jsonb_agg(
        jsonb_build_array(f.attname, f.atttypid::regtype::text) order by f.attnum
      )
      from pg_catalog.pg_attribute as f
      where f.attrelid = c.oid and f.attnum > 0 and not f.attisdropped
    )
  into
    next_awaiting.name, next_awaiting.detached_at, next_awaiting.table_name,
    next_awaiting.starts_at, next_awaiting.ends_at, next_awaiting.change_count, block_count,
    column_types
  from private.archives as a
  inner join pg_catalog.pg_class as c on c.oid = to_regclass(format('private.%I', a.name))
  where a.archived_at is null and a.name > after
  order by a.name
  limit 1;
end
$$;

comment on function private.next_awaiting(text) is
'The first partition by name, after the one given, that waits to be archived: what it holds, its '
'size in blocks, and [name, type] of each column. Nulls when there is none. Definer: the worker '
'reads no table.';

grant execute on function private.next_awaiting(text) to hourglass_worker;

create function private.read_awaiting(
  name text,
  since_block bigint,
  block_count integer,
  out change_count bigint,
  out next_block bigint,
  out row_count integer,
  out texts text
)
language plpgsql
security definer
set search_path = ''
set jit = off
as $$
declare
  v_bytes constant integer := 8 * 1024 * 1024;
  v_partition regclass := to_regclass(format('private.%I', name));
  v_count integer := block_count;
  v_total bigint;
begin
  -- Before the rows: what changes them in between is noticed with the next, or at the end.
  select a.change_count into read_awaiting.change_count
  from private.archives as a
  where a.name = read_awaiting.name and a.archived_at is null;
  if not found then
    return;
  end if;
  loop
    execute private.query_of_partition(
      v_partition,
      'select count(*), json_agg(json_build_array(%s)) from %s where ctid >= $1 and ctid < $2',
      '?'
    )
    into row_count, texts
    using
      format('(%s,0)', since_block)::tid, format('(%s,0)', since_block + v_count)::tid;
    exit when v_count = 1 or (octet_length(texts) > v_bytes) is not true;
    v_count := v_count / 2;
  end loop;
  v_total := pg_relation_size(v_partition) / current_setting('block_size')::bigint;
  if since_block + v_count < v_total then
    next_block := since_block + v_count;
  end if;
end
$$;

comment on function private.read_awaiting(text, bigint, integer) is
'Rows of a partition that waits, from so many blocks of its storage, or from fewer where they come '
'to more than 8 MiB: a JSON array of arrays, each column as text (private.column_as_text). '
'next_block is null after the last, change_count when the partition does not wait. Definer: the '
'worker reads no table.';

grant execute on function private.read_awaiting(text, bigint, integer) to hourglass_worker;

create function private.finish_archive(
  name text, row_count bigint, row_checksum text, byte_count bigint, file_name text
)
returns text
language plpgsql
security definer
set search_path = ''
set lock_timeout = '500ms'
as $$
declare
  v_key record;
  v_sums record;
  v_change_count bigint;
begin
  select a.detached_at, a.change_count into v_key
  from private.archives as a
  where a.name = finish_archive.name and a.archived_at is null;
  if not found then
    return 'gone';
  end if;
  select s.* into v_sums from private.sums_of_partition(name) as s;
  if (v_sums.row_count, v_sums.row_checksum) is distinct from (row_count, row_checksum) then
    return 'different';
  end if;
  select a.change_count into v_change_count
  from private.archives as a
  where
    a.name = finish_archive.name
    and a.detached_at = v_key.detached_at
    and a.archived_at is null
  for update;
  -- From here on nobody can add to what was added up, and who did before was counted.
  execute format('lock table private.%I in access exclusive mode', name);
  select a.change_count into v_change_count
  from private.archives as a
  where a.name = finish_archive.name and a.detached_at = v_key.detached_at;
  if v_change_count <> v_key.change_count then
    return 'different';
  end if;
  execute format('drop table private.%I', name);
  update private.archives as a
  set
    row_count = finish_archive.row_count, row_checksum = finish_archive.row_checksum,
    byte_count = finish_archive.byte_count, file_name = finish_archive.file_name,
    archived_at = clock_timestamp(), fault = null, failed_at = null
  where a.name = finish_archive.name and a.detached_at = v_key.detached_at;
  return 'archived';
exception
  when undefined_table then
    return 'gone';
  when lock_not_available or deadlock_detected then
    return 'locked';
end
$$;

comment on function private.finish_archive(text, bigint, text, bigint, text) is
'Drops a partition whose rows were written to `file_name`, and keeps where, in one transaction: '
'`archived`. The partition stays when its rows are others than those written (`different`), or '
'somebody holds a lock that this needs for half a second (`locked`); `gone` when it does not wait '
'any more. Definer: the worker cannot write tables.';

grant execute on function private.finish_archive(text, bigint, text, bigint, text)
to hourglass_worker;

create function private.record_archive_fault(name text, fault text)
returns void
language plpgsql
security definer
set search_path = ''
as $$
begin
  update private.archives as a
  set fault = left(record_archive_fault.fault, 500), failed_at = clock_timestamp()
  where a.name = record_archive_fault.name and a.archived_at is null;
end
$$;

comment on function private.record_archive_fault(text, text) is
'Keeps why a partition could not be archived, for health(). Definer: the worker cannot write '
'tables.';

grant execute on function private.record_archive_fault(text, text) to hourglass_worker;

create function private.list_archives()
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  return (
    select coalesce(jsonb_agg(to_jsonb(a) order by a.table_name, a.starts_at, a.detached_at), '[]')
    from private.archives as a
  );
end
$$;

comment on function private.list_archives() is
'All rows of private.archives, by table and age. Definer: the worker reads no table.';

grant execute on function private.list_archives() to hourglass_worker;
