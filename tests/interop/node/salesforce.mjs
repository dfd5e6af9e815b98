// What jsforce reads of an org: signed in by itself, page after page, by id and by key, and what it makes of refusals.
import { readFileSync } from "node:fs";
import jsforce from "jsforce";

const { url, clientId, clientSecret, soql, key, limited, token } = JSON.parse(readFileSync(0, "utf8"));

const connection = new jsforce.Connection({
  instanceUrl: url,
  version: "67.0",
  oauth2: { clientId, clientSecret, loginUrl: url },
});
const refusal = (promise) => promise.then(() => "none", (error) => error.errorCode ?? error.name);

await connection.authorize({ grant_type: "client_credentials" });
const first = await connection.query(soql, { autoFetch: false });
const every = await connection.query(soql, { autoFetch: true, maxFetch: 10_000 });
const accounts = connection.sobject("Account");
const ids = every.records.map(({ Id }) => Id);
const collection = await connection.requestPost("/composite/sobjects/Account", {
  ids: [...ids.slice(0, 3), "001000000009999AAA"],
  fields: ["Id", "Care_Key__c"],
});
const described = await connection.describe("Account");
const stale = new jsforce.Connection({ instanceUrl: url, accessToken: "no-session", version: "67.0" });
const busy = new jsforce.Connection({ instanceUrl: limited, accessToken: token, version: "67.0" });

console.log(
  JSON.stringify({
    total: first.totalSize,
    firstPage: first.records.length,
    people: every.records.map((row) => [row.Care_Key__c, row.LastName, row.Engagement_Score__c, row.Owner?.Name ?? null]),
    byId: (await accounts.retrieve(ids.slice(0, 3))).map((row) => row.Care_Key__c),
    byKey: (await connection.requestGet(`/sobjects/Account/Care_Key__c/${key}`)).Care_Key__c,
    found: await accounts.find({ Care_Key__c: key }, ["Id", "Care_Key__c"]).then((rows) => rows.map((row) => row.Care_Key__c)),
    collection: collection.map((row) => row && row.Care_Key__c),
    keyField: described.fields.find(({ name }) => name === "Care_Key__c").externalId,
    usage: connection.limitInfo.apiUsage.limit,
    refusals: [
      await refusal(connection.query("SELECT Nothing__c FROM Account")),
      await refusal(connection.query("SELECT Id FROM")),
      await refusal(accounts.retrieve("001000000009999AAA")),
      await refusal(stale.query(soql)),
      await refusal(busy.query("SELECT Id FROM Account").then(() => busy.query("SELECT Id FROM Account"))),
    ],
  }),
);
