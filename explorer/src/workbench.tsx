/**
 * GraphiQL, wired to the gateway for one signed-in session.
 *
 * A bundle of its own: GraphiQL and its editor are most of the code, and nobody waits for them before signing in.
 */

import { HISTORY_PLUGIN } from "@graphiql/plugin-history";
import { GraphiQL } from "graphiql";
import { useEffect, useMemo } from "react";
import { createRoot } from "react-dom/client";

import { explaining } from "./access";
import { accessPlugin, ExplainButton } from "./AccessPanel";
import type { Config } from "./config";
import { connect } from "./gateway";
import { purposePlugin } from "./Purpose";
import { samplesPlugin, variablesText } from "./Samples";
import { isFor, type Session } from "./session";
import { Stating } from "./stating";
import { defineTheme, THEME } from "./theme";

export interface Props {
  config: Config;
  session: Session;
  onRefused(why: string): void;
}

self.MonacoEnvironment = {
  getWorker: (_id, label) => new Worker(new URL(WORKER_FILE, import.meta.url), { name: label }),
};

/** Shows GraphiQL in *element*; the function returned takes it away again and closes its connection. */
export function mount(element: HTMLElement, props: Props): () => void {
  beginWithSample(props.config, props.session);
  defineTheme();
  const root = createRoot(element);
  root.render(<Workbench {...props} />);
  return () => root.unmount();
}

// GraphiQL's own keys: the tabs it comes back to, and what its editors last held.
const STORED = { tabs: "graphiql:tabState", query: "graphiql:query", variables: "graphiql:variables" };
const EMPTY = "# Write a query here, or open one of the samples at the left.\n";

function Workbench({ config, session, onRefused }: Props) {
  const stating = useMemo(() => new Stating(), [session]);
  const gateway = useMemo(() => connect(config.endpoint, session, stating, onRefused), [config, session, stating, onRefused]);
  useEffect(() => () => gateway.close(), [gateway]);
  const samples = useMemo(() => samplesPlugin(config.samples, session), [config, session]);
  const purpose = useMemo(() => purposePlugin(stating, session), [stating, session]);
  const explanation = useMemo(() => explaining(gateway.ask), [gateway]);
  const access = useMemo(() => accessPlugin(explanation), [explanation]);
  const plugins = useMemo(() => [samples, purpose, access, HISTORY_PLUGIN], [samples, purpose, access]);
  return (
    <GraphiQL
      fetcher={gateway.fetcher}
      // Queries and variables may name patients: they go when the tab is closed, as the token does.
      storage={sessionStorage}
      plugins={plugins}
      visiblePlugin={samples}
      defaultTheme="light"
      forcedTheme="light"
      editorTheme={{ light: THEME, dark: THEME }}
      // The token is sent with every request; other headers are not the explorer's business.
      isHeadersEditorEnabled={false}
      shouldPersistHeaders={false}
      defaultEditorToolsVisibility="variables"
      defaultQuery={EMPTY}
    >
      <GraphiQL.Logo> </GraphiQL.Logo>
      <GraphiQL.Toolbar>
        {({ prettify, copy, merge }) => (
          <>
            <ExplainButton explaining={explanation} />
            {prettify}
            {merge}
            {copy}
          </>
        )}
      </GraphiQL.Toolbar>
    </GraphiQL>
  );
}

/**
 * Puts the first sample into the first tab, where this browser tab holds none from before.
 *
 * By way of the storage, because GraphiQL forgets the variables of what it is given as props when the page is reloaded.
 */
function beginWithSample({ samples }: Config, session: Session): void {
  const sample = samples.find(({ persona }) => isFor(persona, session));
  if (sample !== undefined && sessionStorage.getItem(STORED.tabs) === null) {
    sessionStorage.setItem(STORED.query, sample.query);
    sessionStorage.setItem(STORED.variables, variablesText(sample));
  }
}
