/** The page: the bar with who is signed in, then either the invitation to sign in or GraphiQL. */

import { useCallback, useState } from "react";

import type { Config } from "./config";
import { Editor } from "./Editor";
import { Header } from "./Header";
import { Invitation } from "./Invitation";
import { Notice } from "./Notice";
import { closeSession, type Session } from "./session";
import { beginSignIn } from "./signIn";

interface Props {
  config: Config;
  arrived: Session | null;
  notice: string | null;
}

export function App({ config, arrived: session, notice: firstNotice }: Props) {
  const [notice, setNotice] = useState(firstNotice);
  const onRefused = useCallback((why: string) => setNotice(`${why}. Sign in again.`), []);
  const signIn = (choosePersona: boolean) => {
    beginSignIn(config, { choosePersona }).catch((error: Error) => setNotice(error.message));
  };
  const signOut = () => {
    closeSession();
    // A fresh page also forgets what the editors and the open connections hold in memory.
    location.replace(location.pathname);
  };
  return (
    <>
      <Header
        session={session}
        onSignIn={() => signIn(false)}
        onSwitch={() => signIn(true)}
        onSignOut={signOut}
      />
      {notice !== null && <Notice text={notice} onClose={() => setNotice(null)} />}
      <main className="cg-main">
        {session === null ? (
          <Invitation samples={config.samples} onSignIn={() => signIn(false)} />
        ) : (
          <Editor config={config} session={session} onRefused={onRefused} />
        )}
      </main>
    </>
  );
}
