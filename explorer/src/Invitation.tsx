/** What is shown before sign-in: what this is, and who one can sign in as. */

import type { Sample } from "./config";

export function Invitation({ samples, onSignIn }: { samples: Sample[]; onSignIn(): void }) {
  const personas = [...new Set(samples.flatMap(({ persona }) => (persona === null ? [] : [persona])))];
  return (
    <section className="cg-invitation">
      <h2>Sign in to explore the graph</h2>
      <p>
        One query reads the EHR, the practice management system and the CRM. Every field has its policy: what an answer
        holds depends on who asks, so the schema and the samples open after you sign in.
      </p>
      <button type="button" className="cg-button cg-primary cg-large" onClick={onSignIn}>
        Sign in
      </button>
      {personas.length > 0 && (
        <p className="cg-faint">
          Samples are ready for {personas.join(", ")}. Run the same one as two of them and compare.
        </p>
      )}
    </section>
  );
}
