-- A change of plan counts at once, for live sessions too.

create function private.apply_plan(user_id text, is_for_live boolean)
returns void
language plpgsql
security invoker
set search_path = ''
as $$
declare
  -- What was due under the plan before ends as it would have; its deadlines are stored in the row.
  -- Without a lock on plans: an account's change holds it, and of two plans that change at once
  -- each would wait for the other.
  v_turn private.usage_turn := private.usage_turn_of(user_id);
  v_session public.usage_sessions := v_turn.session;
  v_terms private.usage_terms;
  v_former timestamptz := least(v_session.expires_at, v_session.cap_at, v_session.warn_at);
  v_deadline timestamptz;
  v_used interval;
begin
  if is_for_live and v_session.id is null then
    return;
  end if;
  v_session.user_id := user_id;
  if v_session.status = 'active' then
    v_terms := private.terms_of(user_id, v_turn.at);
    -- The old cap is not due, so it bounds nothing that was used until now.
    v_used := private.used_at(v_session, v_terms, v_turn.at);
    v_session.cap_at := private.reach_instant(
      v_terms.anchor, v_terms.period, make_interval(secs => v_terms.limit_seconds), v_turn.at,
      v_used
    );
    v_session.warn_at := private.warn_instant(v_terms, v_turn.at, v_used);
    if v_session.cap_at <= v_turn.at then
      v_session.warn_at := v_turn.at;
      perform private.store_end(private.ended(v_session, 'capped', v_turn.at), v_turn.at);
      return;
    end if;
    perform private.store_session(v_session);
    v_deadline := least(v_session.expires_at, v_session.cap_at, v_session.warn_at);
    if v_deadline < v_former then
      perform private.announce_deadline(v_deadline, v_turn.at);
    end if;
  end if;
  perform private.record_transition(user_id, v_turn.at);
  perform private.announce_usage('session:updated', user_id, null, v_turn.at);
  perform private.warn_of_usage(v_session, v_turn.at, v_turn.at, v_turn.at);
end
$$;

comment on function private.apply_plan(text, boolean) is
'Lets a user''s changed plan count from now: the live session gets its new cap or, with nothing '
'left, ends as capped, and the user hears of what is reached by that. With is_for_live, who has no '
'live session is left alone.';

create function private.hold_plans_for_statement()
returns trigger
language plpgsql
security invoker
set search_path = ''
as $$
begin
  perform private.hold_plans_still();
  return null;
end
$$;

comment on function private.hold_plans_for_statement() is
'Trigger: takes the lock on plans before the statement locks an account, as every transition does.';

create trigger accounts_hold_plans_still
before update of plan_id on public.accounts
for each statement execute function private.hold_plans_for_statement();

create function private.tell_before_another_plan()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  perform private.tell_of_what_is_due(old.user_id, private.next_instant(old.changed_at));
  return new;
end
$$;

comment on function private.tell_before_another_plan() is
'Trigger: what an account has reached of its plan is told before it has another. Definer: as '
'below.';

create trigger accounts_tell_before_another_plan
before update of plan_id on public.accounts
for each row when (old.plan_id is distinct from new.plan_id)
execute function private.tell_before_another_plan();

create function private.apply_new_plan_of_account()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  perform private.apply_plan(new.user_id, false);
  return null;
end
$$;

comment on function private.apply_new_plan_of_account() is
'Trigger: another plan for an account counts at once. Definer: whoever may change the plan need '
'not be able to write sessions.';

create trigger accounts_apply_their_new_plan
after update of plan_id on public.accounts
for each row when (old.plan_id is distinct from new.plan_id)
execute function private.apply_new_plan_of_account();

create function private.live_users_of(plan_id text)
returns setof text
language sql
stable
security invoker
set search_path = ''
as $$
  select s.user_id
  from public.usage_sessions as s
  inner join public.accounts as a on a.user_id = s.user_id
  where s.ended_at is null and a.plan_id = live_users_of.plan_id
  order by s.user_id;
$$;

comment on function private.live_users_of(text) is
'The users of a plan with a live session, in the order that they are locked in.';

create function private.tell_before_plan_changes()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_user_id text;
begin
  -- All of them, due or not: once the plan has changed they are visited in the same order.
  for v_user_id in select u.* from private.live_users_of(old.id) as u
  loop
    perform private.tell_of_what_is_due(
      v_user_id, private.next_instant((private.lock_account(v_user_id)).changed_at)
    );
  end loop;
  return new;
end
$$;

comment on function private.tell_before_plan_changes() is
'Trigger: what users have reached of a plan is told before it has another limit or period. '
'Definer: as for an account''s plan.';

create trigger plans_tell_before_their_change
before update of limit_seconds, near_limit_seconds, period on public.plans
for each row when (
  old.limit_seconds is distinct from new.limit_seconds
  or old.near_limit_seconds <> new.near_limit_seconds
  or interval_send(old.period) <> interval_send(new.period)
)
execute function private.tell_before_plan_changes();

create function private.apply_changed_plan()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  perform private.apply_plan(u.user_id, true)
  from private.live_users_of(new.id) as u (user_id);
  return null;
end
$$;

comment on function private.apply_changed_plan() is
'Trigger: another limit or period of a plan counts at once. Visits the users with a live session, '
'in one order; the others find the new plan when they read. Definer: as for an account''s plan.';

create trigger plans_apply_their_change
after update of limit_seconds, near_limit_seconds, period on public.plans
for each row when (
  old.limit_seconds is distinct from new.limit_seconds
  or old.near_limit_seconds <> new.near_limit_seconds
  or interval_send(old.period) <> interval_send(new.period)
)
execute function private.apply_changed_plan();

-- Other shares of a limit to tell of count at once as well.

create function private.hold_starts_off()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  -- Not while somebody starts by the shares of before; as ever before the settings and any account.
  lock table public.plans in share row exclusive mode;
  return null;
end
$$;

comment on function private.hold_starts_off() is
'Trigger: waits for whoever holds plans still, and lets nobody begin to, until this transaction '
'ends. Definer: whoever may change the settings need not be able to lock plans.';

create trigger settings_hold_starts_off
before update of warning_percents on private.settings
for each statement execute function private.hold_starts_off();

create function private.warn_by_other_percents()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now timestamptz;
begin
  perform private.lock_account(live.user_id)
  from (
    select s.user_id from public.usage_sessions as s
    where s.ended_at is null
    order by s.user_id
    offset 0
  ) as live;
  v_now := clock_timestamp();
  update public.usage_sessions as s
  set warn_at = least(s.warn_at, v_now)
  where s.ended_at is null and s.status = 'active';
  perform private.announce_deadline(v_now, v_now);
  return null;
end
$$;

comment on function private.warn_by_other_percents() is
'Trigger: with other warning_percents the sweep looks at each active session anew. Definer: '
'whoever may change the settings need not be able to write sessions.';

-- By its name before those that lock rooms: accounts come first.
create trigger settings_apply_percents
after update of warning_percents on private.settings
for each row when (old.warning_percents is distinct from new.warning_percents)
execute function private.warn_by_other_percents();
