/** Starts the explorer: reads the settings, finishes a sign-in under way, and shows the page or what went wrong. */

import { createRoot } from "react-dom/client";

import "./style.css";
import { App } from "./App";
import { loadConfig } from "./config";
import { Notice } from "./Notice";
import { closeSession, currentSession } from "./session";
import { finishSignIn } from "./signIn";

async function start(): Promise<void> {
  const root = createRoot(document.getElementById("explorer") as HTMLElement);
  try {
    const config = await loadConfig();
    let notice: string | null = null;
    const arrived = await finishSignIn(config).catch((error: unknown) => {
      notice = messageOf(error);
      return null;
    });
    const session = arrived ?? currentSession();
    if (session === null) {
      // On its way out at a sign-out, the last page may have written its tabs again.
      closeSession();
    }
    root.render(<App config={config} arrived={session} notice={notice} />);
  } catch (error) {
    root.render(<Notice text={messageOf(error)} />);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

void start();
