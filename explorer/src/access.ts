/** What the gateway says of an operation beforehand: its `explainAccess`, and the store the page keeps the answer in. */

import { parse as parseJSONC } from "jsonc-parser";
import { Kind, parse } from "graphql";

export interface Rule {
  id: string;
  meaning: string;
}

export interface AccessField {
  path: string[];
  coordinate: string;
  effect: "ALLOW" | "MASK" | "DENY";
  cause: string;
  mask: string | null;
  missingScopes: string[];
  isReached: boolean;
  rules: Rule[];
}

export interface AccessRows {
  type: string;
  byId: string[];
  bySearch: string[];
  withheld: string[];
}

export interface Access {
  kind: string | null;
  faults: { message: string; line: number | null }[];
  fields: AccessField[];
  rows: AccessRows[];
  missingScopes: string[];
}

/** What the panel shows: nothing yet, that it waits, what went wrong, or the explanation. */
export type Explained = null | "asking" | { problem: string } | { access: Access };

/** Sends one operation to the gateway; rejects with words for the reader. */
export type Ask = (query: string, variables: Record<string, unknown>) => Promise<Answer>;

export interface Answer {
  data?: { explainAccess: Access | null } | null;
  errors?: { message: string }[];
}

const EXPLAIN = `query ExplainAccess($document: String!, $variables: JSON, $operationName: String) {
  explainAccess(document: $document, variables: $variables, operationName: $operationName) {
    kind
    faults { message line }
    fields { path coordinate effect cause mask missingScopes isReached rules { id meaning } }
    rows { type byId bySearch withheld }
    missingScopes
  }
}`;

export interface Explaining {
  /** Asks anew; an answer that comes after a later question is dropped. */
  explain(document: string, variables: string, chosen: string | null): Promise<void>;
  current(): Explained;
  subscribe(onChange: () => void): () => void;
}

/** The explanation of what was in the editor when it was asked for. */
export function explaining(ask: Ask): Explaining {
  let current: Explained = null;
  let asked = 0;
  const listeners = new Set<() => void>();
  const show = (next: Explained) => {
    current = next;
    listeners.forEach((listener) => listener());
  };
  return {
    current: () => current,
    subscribe: (onChange) => {
      listeners.add(onChange);
      return () => listeners.delete(onChange);
    },
    explain: async (document, variables, chosen) => {
      const mine = (asked += 1);
      show("asking");
      const found = await ask(EXPLAIN, given(document, variables, chosen)).then(read, failed);
      if (mine === asked) {
        show(found);
      }
    },
  };
}

function given(document: string, variables: string, chosen: string | null): Record<string, unknown> {
  const parsed: unknown = variables.trim() === "" ? null : parseJSONC(variables);
  return { document, variables: parsed ?? null, operationName: nameAmong(document, chosen) };
}

/** The name that was chosen among several operations; the only one needs none. */
function nameAmong(document: string, chosen: string | null): string | null {
  try {
    const operations = parse(document).definitions.filter(({ kind }) => kind === Kind.OPERATION_DEFINITION);
    return operations.length > 1 ? chosen : null;
  } catch {
    // The gateway has the better words for what is wrong with it.
    return null;
  }
}

function read({ data, errors }: Answer): Explained {
  const access = data?.explainAccess;
  return access ? { access } : { problem: errors?.[0]?.message ?? "The gateway gave no explanation." };
}

function failed(error: unknown): Explained {
  return { problem: error instanceof Error ? error.message : String(error) };
}
