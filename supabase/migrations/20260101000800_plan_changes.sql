-- A change of plan counts at once, for live sessions too.

create function private.apply_plan(user_id text)
returns void
language plpgsql
security invoker
set search_path = ''
as $$
declare
  v_turn private.usage_turn;
  v_session public.usage_sessions;
  v_terms private.usage_terms;
begin
  -- What was due under the plan before ends as it would have; its deadlines are stored in the row.
  v_turn := private.lock_usage(user_id);
  delete from public.usage_totals as t where t.user_id = apply_plan.user_id;
  v_session := v_turn.session;
  if v_session.status = 'active' then
    v_terms := private.terms_of(user_id, v_turn.at);
    -- The old cap is not due, so it bounds nothing that was used until now.
    v_session.cap_at := private.cap_instant(
      v_terms.anchor, v_terms.period, v_terms.limit_seconds, v_turn.at,
      private.used_at(v_session, v_terms, v_turn.at)
    );
    if v_session.cap_at <= v_turn.at then
      perform private.store_end(private.ended(v_session, 'capped', v_turn.at), v_turn.at);
      return;
    end if;
    perform private.store_session(v_session);
    perform private.announce_deadline(v_session, v_turn.at);
  end if;
  perform private.record_transition(user_id, v_turn.at);
  perform private.announce_usage('session:updated', user_id, null, v_turn.at);
end
$$;

comment on function private.apply_plan(text) is
'Lets a user''s changed plan count from now: periods follow it, the live session gets its new cap '
'or, with nothing left, ends as capped. The caller holds plans still or is changing them.';

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

create function private.apply_new_plan_of_account()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  perform private.apply_plan(new.user_id);
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

create function private.apply_changed_plan()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_user_id text;
begin
  for v_user_id in
    select a.user_id
    from public.accounts as a
    where
      a.plan_id = new.id
      and (
        old.period is distinct from new.period
        or exists (
          select from public.usage_sessions as s
          where s.user_id = a.user_id and s.ended_at is null
        )
      )
    order by a.user_id
  loop
    perform private.apply_plan(v_user_id);
  end loop;
  return null;
end
$$;

comment on function private.apply_changed_plan() is
'Trigger: another limit or period of a plan counts at once. Visits the accounts with a live '
'session, all of the plan''s where the period changed; the others find the new plan when they '
'read. Definer: as for an account''s plan.';

create trigger plans_apply_their_change
after update of limit_seconds, period on public.plans
for each row when (
  old.limit_seconds is distinct from new.limit_seconds or old.period is distinct from new.period
)
execute function private.apply_changed_plan();
