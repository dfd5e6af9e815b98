/** The place in the page where GraphiQL is loaded into. */

import { useEffect, useRef, useState } from "react";

import type * as workbench from "./workbench";

export function Editor(props: workbench.Props) {
  const { config, session, onRefused } = props;
  const element = useRef<HTMLDivElement>(null);
  const [state, setState] = useState("Loading the editor…");
  useEffect(() => {
    const gone = new AbortController();
    load()
      .then(({ mount }) => {
        if (element.current !== null && !gone.signal.aborted) {
          setState("");
          gone.signal.addEventListener("abort", mount(element.current, { config, session, onRefused }));
        }
      })
      .catch(() => setState("The editor could not be loaded from the gateway. Reload the page to try again."));
    return () => gone.abort();
  }, [config, session, onRefused]);
  return (
    <>
      {state !== "" && <p className="cg-loading">{state}</p>}
      <div ref={element} className="cg-editor" />
    </>
  );
}

function load(): Promise<typeof workbench> {
  return import(new URL(WORKBENCH_FILE, import.meta.url).href) as Promise<typeof workbench>;
}
