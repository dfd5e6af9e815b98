// What HubSpot's own client reads of an account: by key in batches, by search page after page, by id, and refusals.
import { readFileSync } from "node:fs";
import { Client } from "@hubspot/api-client";

const { url, limited, token, limitedToken, keys, properties } = JSON.parse(readFileSync(0, "utf8"));
const { contacts } = new Client({ basePath: url, accessToken: token, numberOfApiCallRetries: 0 }).crm;
const refusal = (promise) => promise.then(() => [0, "none"], (error) => [error.code, error.body?.category]);
const asked = (inputs) => ({ inputs: inputs.map((id) => ({ id })), idProperty: "care_key", properties, propertiesWithHistory: [] });
const told = ({ properties: p }) => [p.care_key, p.lastname, p.engagement_score];

const batch = await contacts.batchApi.read(asked(keys));
const partly = await contacts.batchApi.read(asked([keys[0], "nobody"]));
const found = [];
let pages = 0;
for (let after; pages === 0 || after; pages++) {
  const filters = [{ propertyName: "care_key", operator: "HAS_PROPERTY" }];
  const page = await contacts.searchApi.doSearch({ filterGroups: [{ filters }], properties, limit: 7, after });
  found.push(...page.results);
  after = page.paging?.next?.after;
}
const one = await contacts.basicApi.getById(keys[0], properties, undefined, undefined, false, "care_key");
const stale = new Client({ basePath: url, accessToken: "no-token" }).crm.contacts;
const busy = new Client({ basePath: limited, accessToken: limitedToken, numberOfApiCallRetries: 0 }).crm.contacts;
const ask = (api) => api.batchApi.read(asked(keys.slice(0, 1)));

console.log(
  JSON.stringify({
    batch: batch.results.map(told),
    status: batch.status,
    partly: [partly.results.map(told), partly.numErrors, partly.errors[0].category],
    found: found.map(told),
    pages,
    one: told(one),
    refusals: [
      await refusal(contacts.basicApi.getById("0")),
      await refusal(ask(stale)),
      await refusal(contacts.batchApi.read(asked(Array(101).fill("x")))),
      await refusal(ask(busy).then(() => ask(busy))),
    ],
  }),
);
