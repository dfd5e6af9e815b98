/** The bar at the top: who is signed in, with which scopes, for how long, and the ways in and out. */

import { useEffect, useState } from "react";

import { dataScopesFirst, hasExpired, whoIs, type Session } from "./session";

interface Props {
  session: Session | null;
  onSignIn(): void;
  onSwitch(): void;
  onSignOut(): void;
}

export function Header({ session, onSignIn, onSwitch, onSignOut }: Props) {
  return (
    <header className="cg-bar">
      <h1 className="cg-title">
        <Logo />
        CareGraph <small>explorer</small>
      </h1>
      {session === null ? (
        <button type="button" className="cg-button cg-primary" onClick={onSignIn}>
          Sign in
        </button>
      ) : (
        <div className="cg-session">
          <Who session={session} />
          <Scopes scopes={session.scopes} />
          <Expiry session={session} onSignIn={onSignIn} />
          <button type="button" className="cg-button" onClick={onSwitch}>
            Switch persona
          </button>
          <button type="button" className="cg-button" onClick={onSignOut}>
            Sign out
          </button>
        </div>
      )}
    </header>
  );
}

function Logo() {
  return (
    <svg viewBox="0 0 32 32" fill="none" stroke="currentColor" strokeWidth="2.6" aria-hidden="true">
      <circle cx="16" cy="7" r="4" />
      <circle cx="7" cy="24" r="4" />
      <circle cx="25" cy="24" r="4" />
      <path d="M14 10.5 9 20.5M18 10.5l5 10M11 24h10" />
    </svg>
  );
}

function Who({ session }: { session: Session }) {
  const { role, fhirUser, patient } = session.claims;
  const name = whoIs(session);
  // A fhirUser may be an absolute URL; its last two parts are the reference.
  const reference = fhirUser?.split("/").slice(-2).join("/") ?? (patient && `Patient/${patient}`);
  return (
    <span className="cg-who" data-testid="who">
      <strong title={name}>{name}</strong>
      {role !== undefined && role !== name && <span className="cg-reference">role {role}</span>}
      {reference !== undefined && <span className="cg-reference">{reference}</span>}
    </span>
  );
}

const SCOPES_IN_THE_BAR = 2;

function Scopes({ scopes }: { scopes: string[] }) {
  const shown = dataScopesFirst(scopes).slice(0, SCOPES_IN_THE_BAR);
  return (
    <span className="cg-scopes" data-testid="scopes">
      <span className="cg-chips">
        {shown.map((scope) => (
          <code key={scope} className="cg-chip">
            {scope}
          </code>
        ))}
      </span>
      <button type="button" className="cg-button cg-quiet" popoverTarget="cg-all-scopes">
        {scopes.length === 1 ? "1 scope" : `${scopes.length} scopes`}
      </button>
      <div id="cg-all-scopes" className="cg-popover" popover="auto">
        <p>Granted scopes</p>
        <ul>
          {scopes.map((scope) => (
            <li key={scope}>
              <code className="cg-chip">{scope}</code>
            </li>
          ))}
        </ul>
      </div>
    </span>
  );
}

const TICK_MS = 5_000;

function Expiry({ session, onSignIn }: { session: Session; onSignIn(): void }) {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), TICK_MS);
    return () => clearInterval(timer);
  }, []);
  if (hasExpired(session, now)) {
    return (
      <button type="button" className="cg-button cg-primary" onClick={onSignIn}>
        Token expired: sign in again
      </button>
    );
  }
  const until = new Date(session.expiresAt);
  return (
    <span className="cg-expiry" title={`The token expires at ${until.toLocaleTimeString()}.`} data-testid="expiry">
      expires in {remaining(session.expiresAt - now)}
    </span>
  );
}

function remaining(ms: number): string {
  const seconds = Math.ceil(ms / 1000);
  return seconds < 60 ? "less than a minute" : `${Math.round(seconds / 60)} min`;
}
