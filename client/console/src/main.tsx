import { createClient } from "@supabase/supabase-js";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./App.tsx";
import "./style.css";

interface Config {
  supabaseUrl: string;
  anonKey: string;
}

const root = createRoot(document.getElementById("console") as HTMLElement);

try {
  const answer = await fetch("./config.json");
  if (!answer.ok) throw new Error(`config.json: ${answer.status}`);
  const { supabaseUrl, anonKey } = (await answer.json()) as Config;
  // Links to rooms stand after the #, and are nothing to sign in with.
  const client = createClient(supabaseUrl, anonKey, {
    auth: { storageKey: "hourglass:console", detectSessionInUrl: false },
  });
  root.render(
    <StrictMode>
      <App client={client} />
    </StrictMode>,
  );
} catch {
  root.render(
    <main className="gate">
      <div className="gate-card">
        <h1>The console does not know its project</h1>
        <p>
          The worker that serves this page did not tell where the project is. Is it running? Then load the page again.
        </p>
      </div>
    </main>,
  );
}
