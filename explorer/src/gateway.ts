/** Sends operations to the gateway with the token: queries by HTTP, subscriptions by `graphql-transport-ws`. */

import { createGraphiQLFetcher, type Fetcher, type FetcherParams } from "@graphiql/toolkit";
import { Kind, parse, type DocumentNode } from "graphql";
import { createClient } from "graphql-ws";

import type { Answer, Ask } from "./access";
import type { Session } from "./session";
import type { Stating } from "./stating";

export interface Gateway {
  fetcher: Fetcher;
  ask: Ask;
  close(): void;
}

const ACK_WAIT_MS = 10_000;

/** `onRefused` is told when the gateway does not take the token, with its reason. */
export function connect(
  endpoint: string,
  session: Session,
  stating: Stating,
  onRefused: (why: string) => void,
): Gateway {
  const authorization = `Bearer ${session.accessToken}`;
  const url = new URL(endpoint, location.origin);
  const socket = new URL(url);
  socket.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  const client = createClient({
    url: socket.toString(),
    connectionParams: { authorization },
    connectionAckWaitTimeout: ACK_WAIT_MS,
  });
  const send = createGraphiQLFetcher({
    url: url.toString(),
    headers: { authorization },
    fetch: (input, init) => post(input, init, stating, onRefused),
    wsClient: client,
  });
  const fetcher: Fetcher = (asked, options) => {
    const extensions = stating.extensions();
    const operation = extensions === undefined ? asked : { ...asked, extensions };
    const documentAST = documentOf(operation.query);
    return documentAST === undefined
      ? send(operation, options)
      : send(named(operation, documentAST), { ...options, documentAST });
  };
  const ask: Ask = async (query, variables) => {
    const headers = { authorization, "content-type": "application/json", accept: "application/json" };
    const body = JSON.stringify({ query, variables, extensions: stating.inForce() });
    const response = await post(url, { method: "POST", headers, body }, stating, onRefused);
    return (await response.json()) as Answer;
  };
  return { fetcher, ask, close: () => void client.dispose() };
}

/**
 * The document as it is sent. GraphiQL parses with a delay: what it hands over, and the operation name it took from
 * it, may be those of the sample or tab before, which would send a subscription the way of a query.
 */
function documentOf(query: string): DocumentNode | undefined {
  try {
    return parse(query);
  } catch {
    // The gateway has the better words for what is wrong with it.
    return undefined;
  }
}

/** The operation under the name of the document's only one; among several, the name that was chosen stays. */
function named(operation: FetcherParams, { definitions }: DocumentNode): FetcherParams {
  const [first, ...others] = definitions.filter((definition) => definition.kind === Kind.OPERATION_DEFINITION);
  const isOnlyOne = first !== undefined && others.length === 0;
  return isOnlyOne ? { ...operation, operationName: first.name?.value ?? null } : operation;
}

async function post(
  input: RequestInfo | URL,
  init: RequestInit | undefined,
  stating: Stating,
  onRefused: (why: string) => void,
): Promise<Response> {
  const response = await fetch(input, init).catch(() => {
    throw plainError("The gateway did not answer. Is it running?");
  });
  if (response.status === 401) {
    onRefused(reasonOf(response.headers.get("www-authenticate")));
  }
  const type = response.headers.get("content-type") ?? "";
  if (!/json|multipart\/mixed/.test(type)) {
    throw plainError(`The gateway answered ${response.status} without JSON.`);
  }
  if (stating.emergency !== null) {
    stating.answered(await response.clone().json().catch(() => null));
  }
  return response;
}

/** The words of a bearer challenge (RFC 6750, section 3). */
function reasonOf(challenge: string | null): string {
  const described = /error_description="([^"]*)"/.exec(challenge ?? "");
  return described?.[1] ?? "The gateway did not accept the token";
}

/** An error for the answer pane, which would show its stack too. */
function plainError(message: string): Error {
  const error = new Error(message);
  delete error.stack;
  return error;
}
