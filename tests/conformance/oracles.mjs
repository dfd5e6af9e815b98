// The public audit of GraphQL over HTTP and sessions of the public graphql-ws and graphql-sse clients, against
// URL. Prints one line an oracle; exits with 1 if the audit is not full or a session not as expected.
// AUTHORIZATION, when set, is sent with every request and introduction.
import { auditServer } from "graphql-http";
import { createClient as createEventsClient } from "graphql-sse";
import { createClient } from "graphql-ws";
import WebSocket from "ws";

const url = process.env.URL;
const authorization = process.env.AUTHORIZATION;
let failed = false;

async function audit() {
  const fetchFn = (target, init = {}) =>
    fetch(target, { ...init, headers: { ...(authorization && { authorization }), ...init.headers } });
  const results = await auditServer({ url, fetchFn });
  const passed = results.filter(({ status }) => status === "ok");
  for (const { id, name, status, reason } of results.filter(({ status }) => status !== "ok")) {
    console.log(`  ${status} ${id} ${name}: ${reason}`);
  }
  report("graphql-http audit", passed.length === results.length, `${passed.length}/${results.length}`);
}

async function results(client, payload, enough = Infinity) {
  const found = [];
  for await (const result of client.iterate(payload)) {
    found.push(result);
    if (found.length === enough) break;
  }
  return found;
}

async function session() {
  const closes = [];
  const client = createClient({
    url: url.replace(/^http/, "ws"),
    webSocketImpl: WebSocket,
    connectionParams: authorization ? { authorization } : {},
    keepAlive: 50,
    on: { closed: ({ code }) => closes.push(code) },
  });
  const [query] = await results(client, { query: "{ __typename }" });
  report("graphql-ws query", query.data?.__typename === "Query", JSON.stringify(query));
  const invalid = await results(client, { query: "{ nothingOfThisName }" }).then(() => null, (errors) => errors);
  report("graphql-ws refusal", Array.isArray(invalid) && "message" in invalid[0], JSON.stringify(invalid));
  if (process.env.TINY) await streams(client);
  await client.dispose();
  await until(() => closes.length > 0);
  report("graphql-ws end", closes[0] === 1000, `closed with ${closes}`);
}

// What only the small schema of the tests has.
async function streams(client) {
  const counted = await results(client, { query: "subscription { count(to: 3) }" });
  report("graphql-ws subscription", counted.length === 3 && counted[2].data.count === 3, JSON.stringify(counted));
  const [bumped] = await results(client, { query: "mutation { bump }" });
  report("graphql-ws mutation", bumped.data.bump === 1, JSON.stringify(bumped));
  const cut = await results(client, { query: "subscription { forever }" }, 1);
  report("graphql-ws completed early", cut.length === 1, JSON.stringify(cut));
}

async function refusedToken() {
  const client = createClient({
    url: url.replace(/^http/, "ws"),
    webSocketImpl: WebSocket,
    connectionParams: { authorization: "Bearer not-a-token" },
    retryAttempts: 0,
  });
  const close = await results(client, { query: "{ __typename }" }).then(() => null, (error) => error);
  report("graphql-ws refused token", close?.code === 4403, `closed with ${close?.code}`);
}

async function events() {
  const client = createEventsClient({ url, headers: authorization ? { authorization } : {}, retryAttempts: 0 });
  const [query] = await results(client, { query: "{ __typename }" });
  report("graphql-sse query", query.data?.__typename === "Query", JSON.stringify(query));
  const [invalid] = await results(client, { query: "{ nothingOfThisName }" });
  report("graphql-sse refusal", "message" in invalid.errors[0] && !("data" in invalid), JSON.stringify(invalid));
  if (process.env.TINY) {
    const counted = await results(client, { query: "subscription { count(to: 3) }" });
    report("graphql-sse subscription", counted.length === 3 && counted[2].data.count === 3, JSON.stringify(counted));
    const [bumped] = await results(client, { query: "mutation { bump }" });
    report("graphql-sse mutation", bumped.data.bump > 0, JSON.stringify(bumped));
    const cut = await results(client, { query: "subscription { forever }" }, 1);
    report("graphql-sse left early", cut.length === 1, JSON.stringify(cut));
  }
  client.dispose();
  const stranger = createEventsClient({ url, headers: { authorization: "Bearer not-a-token" }, retryAttempts: 0 });
  const refused = await results(stranger, { query: "{ __typename }" }).then(() => null, (error) => error);
  report("graphql-sse refused token", refused?.response?.status === 401, `${refused}`);
}

async function until(condition) {
  for (let left = 100; left > 0 && !condition(); left--) await new Promise((done) => setTimeout(done, 20));
}

function report(name, good, detail) {
  failed ||= !good;
  console.log(`${good ? "ok  " : "FAIL"} ${name}: ${detail}`);
}

await audit();
await session();
await refusedToken();
await events();
process.exit(failed ? 1 : 0);
