/** Sign-in by authorization code with PKCE (RFC 6749 section 4.1, RFC 7636), as a public client. */

import type { Config } from "./config";
import { openSession, type Session, type TokenResponse } from "./session";

const KEY = "caregraph:sign-in";

interface Attempt {
  state: string;
  verifier: string;
}

/** Leaves for the identity provider's sign-in page. */
export async function beginSignIn(config: Config, options: { choosePersona: boolean }): Promise<void> {
  const attempt = { state: randomText(), verifier: randomText() };
  const challenge = await challengeOf(attempt.verifier);
  sessionStorage.setItem(KEY, JSON.stringify(attempt));
  const url = new URL(config.authorizationEndpoint);
  url.search = new URLSearchParams({
    response_type: "code",
    client_id: config.clientId,
    redirect_uri: redirectUri(),
    // Asking for nothing in particular gets what the provider grants the persona by default.
    ...(config.scope === "" ? {} : { scope: config.scope }),
    state: attempt.state,
    code_challenge: challenge,
    code_challenge_method: "S256",
    // A provider that remembers the last sign-in must ask again, or nobody could change persona.
    ...(options.choosePersona ? { prompt: "select_account" } : {}),
  }).toString();
  location.assign(url);
}

/** Ends a sign-in if this page load is the way back from one; null when it is not. */
export async function finishSignIn(config: Config): Promise<Session | null> {
  const answer = new URLSearchParams(location.search);
  if (!answer.has("code") && !answer.has("error")) {
    return null;
  }
  const attempt = takeAttempt();
  // The code must not stay in the address bar, in the history or in a bookmark.
  history.replaceState(null, "", location.pathname);
  refuseUnless(attempt !== null && answer.get("state") === attempt.state, WRONG_STATE);
  // RFC 9207: a provider that names itself must be the one that was asked.
  const issuer = answer.get("iss");
  refuseUnless(issuer === null || issuer === config.issuer, WRONG_ISSUER);
  const error = answer.get("error");
  const reason = answer.get("error_description") ?? error;
  refuseUnless(error === null, `The identity provider refused the sign-in: ${reason}.`);
  const token = await exchange(config, answer.get("code") ?? "", attempt?.verifier ?? "");
  return openSession(token, config.scope);
}

const WRONG_STATE =
  "This sign-in was not started in this tab, or it was started again since. Nothing was accepted: sign in again.";

const WRONG_ISSUER = "The answer came from another identity provider. Nothing was accepted: sign in again.";

async function exchange(config: Config, code: string, verifier: string): Promise<TokenResponse> {
  const response = await askForToken(config, code, verifier);
  const body = (await response.json().catch(() => ({}))) as Partial<TokenResponse> & {
    error?: string;
    error_description?: string;
  };
  const reason = body.error_description ?? body.error ?? `status ${response.status}`;
  refuseUnless(response.ok, `The identity provider gave no token: ${reason}. Sign in again.`);
  const usable = typeof body.access_token === "string" && body.token_type?.toLowerCase() === "bearer";
  refuseUnless(usable, "The identity provider's answer holds no bearer token.");
  return body as TokenResponse;
}

async function askForToken(config: Config, code: string, verifier: string): Promise<Response> {
  const form = new URLSearchParams({
    grant_type: "authorization_code",
    code,
    redirect_uri: redirectUri(),
    client_id: config.clientId,
    code_verifier: verifier,
  });
  try {
    return await fetch(config.tokenEndpoint, { method: "POST", body: form, credentials: "omit" });
  } catch {
    throw new Error(`The identity provider at ${new URL(config.tokenEndpoint).origin} did not answer. Is it running?`);
  }
}

function takeAttempt(): Attempt | null {
  const stored = sessionStorage.getItem(KEY);
  sessionStorage.removeItem(KEY);
  return stored === null ? null : (JSON.parse(stored) as Attempt);
}

/** As registered with the identity provider: the gateway's own root. */
function redirectUri(): string {
  return `${location.origin}/`;
}

async function challengeOf(verifier: string): Promise<string> {
  // Browsers offer `crypto.subtle` only to https: pages and to the loopback addresses.
  refuseUnless(crypto.subtle !== undefined, "Signing in needs https, or the address 127.0.0.1 or localhost.");
  return base64url(new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier))));
}

function randomText(): string {
  return base64url(crypto.getRandomValues(new Uint8Array(32)));
}

function base64url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes)).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

function refuseUnless(condition: boolean, why: string): asserts condition {
  if (!condition) {
    throw new Error(why);
  }
}
