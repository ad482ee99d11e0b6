import type { SupabaseClient } from "@supabase/supabase-js";
import { type FormEvent, useEffect, useState } from "react";

/** Sign-in and sign-up with the project's own auth. */
export function SignIn({ client }: { client: SupabaseClient }) {
  const [isNew, setIsNew] = useState(false);
  const [isPending, setIsPending] = useState(false);
  const [told, setTold] = useState<{ text: string; isError: boolean } | null>(null);
  useEffect(() => {
    document.title = "Sign in · Hourglass";
  }, []);
  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const credentials = { email: String(form.get("email")), password: String(form.get("password")) };
    setIsPending(true);
    setTold(null);
    const { data, error } = isNew
      ? await client.auth.signUp(credentials)
      : await client.auth.signInWithPassword(credentials);
    setIsPending(false);
    if (error) setTold({ text: error.status ? error.message : "The server cannot be reached.", isError: true });
    else if (!data.session) setTold({ text: "Follow the link in the mail that was sent to you.", isError: false });
  };
  return (
    <main className="gate">
      <form className="gate-card" onSubmit={(event) => void submit(event)}>
        <svg className="gate-mark" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
          <path d="M10 7h12M10 25h12M11 7c0 5.500 5 5.500 5 9s-5 3.500-5 9M21 7c0 5.500-5 5.500-5 9s5 3.500 5 9" />
        </svg>
        <h1>{isNew ? "Create an account" : "Sign in to Hourglass"}</h1>
        <label>
          E-mail
          <input name="email" type="email" required autoComplete="username" />
        </label>
        <label>
          Password
          <input
            name="password"
            type="password"
            required
            minLength={6}
            autoComplete={isNew ? "new-password" : "current-password"}
          />
        </label>
        <p className="gate-told" role="alert" data-error={told?.isError}>
          {told?.text}
        </p>
        <button type="submit" className="primary" disabled={isPending}>
          {isPending ? "One moment…" : isNew ? "Create account" : "Sign in"}
        </button>
        <button
          type="button"
          className="quiet"
          onClick={() => {
            setIsNew(!isNew);
            setTold(null);
          }}
        >
          {isNew ? "I have an account" : "I have no account yet"}
        </button>
      </form>
    </main>
  );
}
