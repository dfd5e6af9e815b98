/** The panel for the purpose of use and, for those who treat, break-glass. */

import type { GraphiQLPlugin } from "@graphiql/react";
import { useState, type FormEvent } from "react";

import { isFor, type Session } from "./session";
import type { Stating } from "./stating";

/** Codes of v3 ActReason that a request may state; which of them this token may, the gateway says. */
const PURPOSES = "TREAT ETREAT COC HPAYMT HOPERAT CAREMGT PATADMIN HMARKT PATRQT FAMRQT PWATRNY".split(" ");
const SHORTEST = 10;
const LONGEST = 500;

export function purposePlugin(stating: Stating, session: Session): GraphiQLPlugin {
  return { title: "Purpose", icon: PurposeIcon, content: () => <Panel stating={stating} session={session} /> };
}

function Panel({ stating, session }: { stating: Stating; session: Session }) {
  return (
    <section className="cg-samples">
      <h2>Purpose</h2>
      <Purpose stating={stating} />
      {isFor("clinician", session) && <BreakGlass stating={stating} />}
    </section>
  );
}

function Purpose({ stating }: { stating: Stating }) {
  const [purpose, setPurpose] = useState(stating.purpose ?? "");
  const choose = (chosen: string) => {
    stating.purpose = chosen === "" ? null : chosen;
    setPurpose(chosen);
  };
  return (
    <label className="cg-field">
      Requests are made for
      <select value={purpose} onChange={(event) => choose(event.target.value)}>
        <option value="">what the token says</option>
        {PURPOSES.map((code) => (
          <option key={code}>{code}</option>
        ))}
      </select>
    </label>
  );
}

function BreakGlass({ stating }: { stating: Stating }) {
  const [declared, setDeclared] = useState(stating.emergency);
  const declare = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const emergency = {
      patient: String(form.get("patient")).trim(),
      // On one line, as the gateway wants it.
      reason: String(form.get("reason")).trim().replace(/\s+/g, " "),
      part2Emergency: form.get("part2") !== null,
    };
    stating.declare(emergency);
    setDeclared(emergency);
  };
  const end = () => {
    stating.declare(null);
    setDeclared(null);
  };
  return (
    <>
      <h3>Emergency</h3>
      {declared === null ? (
        <form onSubmit={declare}>
          <p>Opens one patient&apos;s record for 15 minutes. Each use is recorded and raises an alarm.</p>
          <label className="cg-field">
            Patient
            <input name="patient" required maxLength={80} placeholder="Patient/p1" autoComplete="off" />
          </label>
          <label className="cg-field">
            Reason
            <textarea name="reason" required minLength={SHORTEST} maxLength={LONGEST} rows={3} />
          </label>
          <label className="cg-check">
            <input name="part2" type="checkbox" /> A medical emergency is documented (42 CFR 2.51)
          </label>
          <button type="submit" className="cg-button cg-danger">
            Break the glass
          </button>
        </form>
      ) : (
        <>
          <p role="status">Requests are made in the emergency of {declared.patient}, until it lapses.</p>
          <button type="button" className="cg-button" onClick={end}>
            End the emergency
          </button>
        </>
      )}
    </>
  );
}

function PurposeIcon() {
  return (
    <svg viewBox="0 0 16 16" fill="none" stroke="currentColor" strokeWidth="1.4" strokeLinecap="round">
      <circle cx="8" cy="8" r="5.5" />
      <path d="M8 5v3.5M8 11h.01" />
    </svg>
  );
}
