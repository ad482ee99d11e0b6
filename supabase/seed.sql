-- A small world to try things in; no project needs it. `scripts/token ada` prints a token for Ada.

insert into public.plans (id, name, period, limit_seconds, near_limit_seconds, credits_per_period)
values
('trial', 'Trial', '1 month', 3, 2, 10),
('pro', 'Pro', '1 month', 360000, 3600, 1000),
('studio', 'Studio', '1 month', null, 0, 10000);

select public.set_account('ada', 'pro', 'ada@example.com', 'Ada Lovelace');
select public.set_account('grace', 'studio', 'grace@example.com', 'Grace Hopper', 'internal');
select public.set_account('tim', 'trial', 'tim@example.com', 'Tim Trial');
