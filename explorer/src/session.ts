/** Who is signed in: the access token and what it says. Lives in this tab's sessionStorage and nowhere else. */

export interface Session {
  accessToken: string;
  /** Milliseconds since the epoch. */
  expiresAt: number;
  scopes: string[];
  claims: Claims;
}

/** What the header shows. Read without checking the signature: the gateway checks it, the page only displays it. */
export interface Claims {
  sub?: string;
  role?: string;
  persona?: string;
  fhirUser?: string;
  patient?: string;
}

/** A token endpoint's answer (RFC 6749, section 5.1). */
export interface TokenResponse {
  access_token: string;
  token_type: string;
  expires_in?: number;
  scope?: string;
}

const KEY = "caregraph:session";
const NO_EXPIRY_STATED_SECONDS = 300;

export function openSession(answer: TokenResponse, asked: string): Session {
  const payload = decodePayload(answer.access_token);
  const scope = answer.scope ?? textOf(payload, "scope") ?? asked;
  const session = {
    accessToken: answer.access_token,
    expiresAt: Date.now() + (answer.expires_in ?? NO_EXPIRY_STATED_SECONDS) * 1000,
    scopes: scope.split(/\s+/).filter(Boolean),
    claims: claimsOf(payload),
  };
  sessionStorage.setItem(KEY, JSON.stringify(session));
  return session;
}

export function currentSession(): Session | null {
  const stored = sessionStorage.getItem(KEY);
  if (stored === null) {
    return null;
  }
  try {
    return JSON.parse(stored) as Session;
  } catch {
    sessionStorage.removeItem(KEY);
    return null;
  }
}

/** Forgets the token and with it the open tabs and the history: the next person at this screen starts empty. */
export function closeSession(): void {
  sessionStorage.clear();
}

export function hasExpired(session: Session, now: number): boolean {
  return now >= session.expiresAt;
}

/** The person or programme the token names, in the words of the identity provider. */
export function whoIs({ claims }: Session): string {
  return claims.persona ?? claims.sub ?? claims.role ?? "signed in";
}

/** Scopes that open data come before those that only say who is there. */
export function dataScopesFirst(scopes: string[]): string[] {
  const isData = (scope: string) => /[/.]/.test(scope) && !scope.startsWith("launch");
  return [...scopes.filter(isData), ...scopes.filter((scope) => !isData(scope))];
}

/** Whether a sample was written for the one who is signed in. */
export function isFor(persona: string | null, { claims }: Session): boolean {
  return persona === null || [claims.persona, claims.sub, claims.role].includes(persona);
}

function claimsOf(payload: Record<string, unknown>): Claims {
  const names = ["sub", "role", "persona", "fhirUser", "patient"] as const;
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = textOf(payload, name);
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

function textOf(payload: Record<string, unknown>, name: string): string | undefined {
  const value = payload[name];
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** The payload of a JWT; an opaque token has none and says nothing. */
function decodePayload(token: string): Record<string, unknown> {
  const part = token.split(".")[1];
  if (part === undefined) {
    return {};
  }
  try {
    const bytes = Uint8Array.from(atob(part.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
    return JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>;
  } catch {
    return {};
  }
}
