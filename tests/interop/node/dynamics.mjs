// What dynamics-web-api reads of an organisation: page after page, by alternate key, in one batch, and refusals.
import { readFileSync } from "node:fs";
import { DynamicsWebApi } from "dynamics-web-api";

const { url, limited, token, keys } = JSON.parse(readFileSync(0, "utf8"));
const select = ["cg_carekey", "lastname", "cg_engagementscore"];
const open = (serverUrl, accessToken) =>
  new DynamicsWebApi({ serverUrl, dataApi: { version: "9.2" }, onTokenRefresh: async () => accessToken });
const api = open(url, token);
const told = (row) => [row.cg_carekey, row.lastname, row.cg_engagementscore];
const refusal = (promise) => promise.then(() => [0, "none"], (error) => [error.status, error.code]);

const first = await api.retrieveMultiple({ collection: "contacts", select, maxPageSize: 7, count: true });
const every = await api.retrieveAll({ collection: "contacts", select });
const values = keys.map((key) => `'${key}'`).join(",");
const filter = `Microsoft.Dynamics.CRM.In(PropertyName='cg_carekey',PropertyValues=[${values}])`;
const filtered = await api.retrieveMultiple({ collection: "contacts", select, filter });
const labelled = await api.retrieve({
  collection: "contacts",
  key: `cg_carekey='${keys[0]}'`,
  select: ["cg_lifecyclestage"],
  includeAnnotations: "OData.Community.Display.V1.FormattedValue",
});
api.startBatch();
const inBatch = keys.map((key) => api.retrieve({ collection: "contacts", key: `cg_carekey='${key}'`, select }));
const batched = await api.executeBatch();
await Promise.allSettled(inBatch);
const busy = open(limited, token);
const ask = (of) => of.retrieveMultiple({ collection: "contacts", select: ["contactid"] });
const who = await api.callFunction("WhoAmI");

console.log(
  JSON.stringify({
    first: [first.value.length, first.oDataCount],
    every: every.value.map(told),
    filtered: filtered.value.map(told),
    batched: batched.map(told),
    label: labelled.cg_lifecyclestage_Formatted ?? labelled["cg_lifecyclestage@OData.Community.Display.V1.FormattedValue"],
    who: typeof who.UserId,
    refusals: [
      await refusal(api.retrieve({ collection: "contacts", key: "cg_carekey='nobody'", select })),
      await refusal(api.retrieveMultiple({ collection: "contacts", select: ["nothing"] })),
      await refusal(ask(open(url, "no-token"))),
      await refusal(ask(busy).then(() => ask(busy))),
    ],
  }),
);
