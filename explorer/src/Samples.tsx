/** The panel of ready operations, those for the signed-in persona first. */

import { pick, useGraphiQL, useGraphiQLActions, type GraphiQLPlugin } from "@graphiql/react";

import type { Sample } from "./config";
import { isFor, type Session } from "./session";

export function samplesPlugin(samples: Sample[], session: Session): GraphiQLPlugin {
  return { title: "Samples", icon: SamplesIcon, content: () => <Samples samples={samples} session={session} /> };
}

export function variablesText({ variables }: Sample): string {
  return variables === null ? "" : JSON.stringify(variables, null, 2);
}

function Samples({ samples, session }: { samples: Sample[]; session: Session }) {
  const open = useOpenSample();
  return (
    <section className="cg-samples">
      <h2>Samples</h2>
      {grouped(samples, session).map(([group, members]) => (
        <div key={group}>
          <h3>{group}</h3>
          <ul>
            {members.map((sample) => (
              <li key={sample.title}>
                <button type="button" onClick={() => open(sample)}>
                  {sample.title}
                </button>
              </li>
            ))}
          </ul>
        </div>
      ))}
    </section>
  );
}

/** Opens a sample in the tab that already holds it, or else in a new one. */
function useOpenSample() {
  const { addTab, changeTab } = useGraphiQLActions();
  const { tabs, activeTabIndex, queryEditor, variableEditor } = useGraphiQL(
    pick("tabs", "activeTabIndex", "queryEditor", "variableEditor"),
  );
  return (sample: Sample) => {
    const holder = tabs.findIndex(({ query }) => query === sample.query);
    if (holder === activeTabIndex) {
      return;
    }
    if (holder >= 0) {
      changeTab(holder);
      return;
    }
    addTab();
    queryEditor?.setValue(sample.query);
    variableEditor?.setValue(variablesText(sample));
  };
}

function grouped(samples: Sample[], session: Session): [string, Sample[]][] {
  const groups = new Map<string, Sample[]>();
  const mineFirst = [...samples].sort((a, b) => rank(a, session) - rank(b, session));
  for (const sample of mineFirst) {
    const group = sample.persona === null ? "For everyone" : `For ${sample.persona}`;
    groups.set(group, [...(groups.get(group) ?? []), sample]);
  }
  return [...groups];
}

function rank({ persona }: Sample, session: Session): number {
  if (persona === null) {
    return 1;
  }
  return isFor(persona, session) ? 0 : 2;
}

function SamplesIcon() {
  return (
    <svg viewBox="0 0 16 16" fill="none" stroke="currentColor" strokeWidth="1.4" strokeLinecap="round">
      <path d="M2.5 3.5h11M2.5 8h11M2.5 12.5h7" />
    </svg>
  );
}
