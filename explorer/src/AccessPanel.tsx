/** The button that asks what the operation in the editor would be denied, and the panel that shows the answer. */

import { pick, ToolbarButton, useGraphiQL, type GraphiQLPlugin } from "@graphiql/react";
import { useSyncExternalStore } from "react";

import type { Access, AccessField, AccessRows, Explaining } from "./access";

const TITLE = "Access";

export function accessPlugin(explaining: Explaining): GraphiQLPlugin {
  return { title: TITLE, icon: AccessIcon, content: () => <AccessPanel explaining={explaining} /> };
}

/** Beside the run button: explains, and opens the panel. */
export function ExplainButton({ explaining }: { explaining: Explaining }) {
  const explain = useExplain(explaining);
  const onClick = () => {
    // GraphiQL opens a panel that was dragged or clicked away by its own button alone.
    document.querySelector<HTMLButtonElement>(`button[aria-label="Show ${TITLE}"]`)?.click();
    explain();
  };
  return (
    <ToolbarButton onClick={onClick} label="Explain access: what of this you may read, and why">
      <AccessIcon className="graphiql-toolbar-icon" />
    </ToolbarButton>
  );
}

function useExplain(explaining: Explaining): () => void {
  const { queryEditor, variableEditor, operationName } = useGraphiQL(
    pick("queryEditor", "variableEditor", "operationName"),
  );
  return () =>
    void explaining.explain(queryEditor?.getValue() ?? "", variableEditor?.getValue() ?? "", operationName ?? null);
}

function AccessPanel({ explaining }: { explaining: Explaining }) {
  const explain = useExplain(explaining);
  const explained = useSyncExternalStore(explaining.subscribe, explaining.current);
  return (
    <section className="cg-access" aria-live="polite">
      <h2>{TITLE}</h2>
      <p className="cg-lead">What of the query in the editor you may read, and why. Nothing of it is run.</p>
      <button type="button" className="cg-button" onClick={explain} disabled={explained === "asking"}>
        Explain the query
      </button>
      {explained !== null && explained !== "asking" && (
        <>{"problem" in explained ? <p className="cg-problem">{explained.problem}</p> : <Told access={explained.access} />}</>
      )}
    </section>
  );
}

function Told({ access }: { access: Access }) {
  const reached = access.fields.filter(({ isReached }) => isReached);
  const denied = reached.filter(({ effect }) => effect === "DENY");
  const masked = reached.filter(({ effect }) => effect === "MASK");
  return (
    <>
      {access.faults.map(({ message, line }) => (
        <p key={message} className="cg-problem">
          {line === null ? message : `Line ${line}: ${message}`}
        </p>
      ))}
      {access.kind !== null && <p className="cg-verdict">{verdict(denied.length, masked.length)}</p>}
      <Fields title="Denied" fields={denied} />
      <Fields title="Masked" fields={masked} />
      {access.missingScopes.length > 0 && (
        <>
          <h3>Scopes to ask for</h3>
          <Chips scopes={access.missingScopes} />
        </>
      )}
      {access.rows.length > 0 && <h3>Rows</h3>}
      {access.rows.map((rows) => (
        <Rows key={rows.type} rows={rows} />
      ))}
    </>
  );
}

function verdict(denied: number, masked: number): string {
  if (denied === 0 && masked === 0) {
    return "You may read all of it.";
  }
  const said = [
    denied > 0 ? `${counted(denied)} denied` : "",
    masked > 0 ? `${counted(masked)} shown masked` : "",
  ].filter(Boolean);
  return `${said.join("; ")}.`;
}

function counted(count: number): string {
  return count === 1 ? "1 field is" : `${count} fields are`;
}

function Fields({ title, fields }: { title: string; fields: AccessField[] }) {
  if (fields.length === 0) {
    return null;
  }
  return (
    <>
      <h3>{title}</h3>
      <ul>
        {fields.map((field) => (
          <li key={`${field.path.join(".")} ${field.coordinate}`}>
            <Field field={field} />
          </li>
        ))}
      </ul>
    </>
  );
}

/** The rules that are news: not that scopes are held, nor that one is lacking where none would help. */
function news({ rules, missingScopes }: AccessField) {
  return rules.filter(({ id }) => id !== "scope-held" && (id !== "scope-missing" || missingScopes.length > 0));
}

function Field({ field }: { field: AccessField }) {
  return (
    <>
      <code title={field.coordinate}>{field.path.join(".")}</code>
      {field.cause !== field.coordinate && (
        <p>
          Because of <code>{field.cause}</code>.
        </p>
      )}
      {news(field).map(({ id, meaning }) => (
        <p key={id} title={id}>
          {meaning}
        </p>
      ))}
      {field.effect === "DENY" && field.missingScopes.length > 0 && <Chips scopes={field.missingScopes} />}
      {field.effect === "DENY" && field.missingScopes.length === 0 && <p>No scope opens it.</p>}
    </>
  );
}

function Rows({ rows: { type, byId, bySearch, withheld } }: { rows: AccessRows }) {
  const [id, search] = [byId.join(" Or: "), bySearch.join(" Or: ")];
  return (
    <>
      <p>
        <code>{type}</code> {id === search ? id : `By id: ${id} By search: ${search}`}
      </p>
      {withheld.map((what) => (
        <p key={what} className="cg-withheld">
          Withheld: {what}
        </p>
      ))}
    </>
  );
}

function Chips({ scopes }: { scopes: string[] }) {
  return (
    <p className="cg-wrap">
      {scopes.map((scope) => (
        <code key={scope} className="cg-chip">
          {scope}
        </code>
      ))}
    </p>
  );
}

function AccessIcon({ className }: { className?: string }) {
  return (
    <svg className={className} aria-hidden="true" viewBox="0 0 16 16" fill="none" stroke="currentColor" strokeWidth="1.4" strokeLinecap="round">
      <path d="M8 1.8 13 3.6v4c0 3.1-2.1 5.4-5 6.6-2.9-1.2-5-3.5-5-6.6v-4zM5.8 7.9l1.6 1.6 2.9-3" />
    </svg>
  );
}
