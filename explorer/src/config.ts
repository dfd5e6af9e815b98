/** The explorer's settings, as the gateway serves them at `/explorer/config.json`. */

export interface Sample {
  title: string;
  /** Who the sample is meant for, as the identity provider names them; null is for everyone. */
  persona: string | null;
  query: string;
  variables: Record<string, unknown> | null;
}

export interface Config {
  endpoint: string;
  issuer: string;
  authorizationEndpoint: string;
  tokenEndpoint: string;
  clientId: string;
  scope: string;
  samples: Sample[];
}

const TEXTS = ["endpoint", "issuer", "authorizationEndpoint", "tokenEndpoint", "clientId", "scope"] as const;

/** Reads the settings; a missing one is an error that names it. */
export async function loadConfig(): Promise<Config> {
  const response = await fetch("/explorer/config.json", { headers: { accept: "application/json" } });
  if (!response.ok) {
    throw new Error(`The gateway answered ${response.status} when asked for the explorer's settings.`);
  }
  const found = (await response.json()) as Partial<Config>;
  const missing = TEXTS.filter((name) => typeof found[name] !== "string");
  if (missing.length > 0) {
    throw new Error(`The explorer's settings lack ${missing.join(", ")}.`);
  }
  return { ...(found as Config), samples: found.samples ?? [] };
}
