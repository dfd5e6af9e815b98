// Sends HL7 v2 messages by the client that the job on stdin names, each after the answer to the one before, and
// prints what that client reads in the answers.
import { readFileSync } from "node:fs";
import { Hl7Message } from "@medplum/core";
import { Hl7Client } from "@medplum/hl7";
import { Client, Message } from "node-hl7-client";
import simple from "simple-hl7";

const job = JSON.parse(readFileSync(0, "utf8"));
const host = "127.0.0.1";

const senders = {
  async "@medplum/hl7"(text, encoding) {
    const client = new Hl7Client({ host, port: job.port, encoding });
    const answer = await client.sendAndWait(Hl7Message.parse(text));
    await client.close();
    const msa = answer.getSegment("MSA");
    return [msa.getField(1).toString(), msa.getField(2).toString()];
  },

  "node-hl7-client"(text, encoding) {
    const client = new Client({ host });
    return new Promise((resolve, reject) => {
      const options = { port: job.port, encoding: encoding === "iso-8859-1" ? "latin1" : "utf-8" };
      const connection = client.createConnection(options, async (response) => {
        const answer = response.getMessage();
        resolve([answer.get("MSA.1").toString(), answer.get("MSA.2").toString()]);
        await connection.close();
      });
      connection.on("client.error", reject);
      connection.sendMessage(new Message({ text })).catch(reject);
    });
  },

  // It writes UTF-8 and nothing else.
  "simple-hl7"(text) {
    const client = simple.Server.createTcpClient(host, job.port);
    const message = new simple.Parser({ segmentSeperator: "\r" }).parse(text);
    return new Promise((resolve, reject) => {
      client.send(message, (error, answer) => {
        if (error) return reject(error);
        const { fields } = answer.getSegment("MSA");
        resolve(fields.slice(0, 2).map((field) => field.toString({ ...answer.header.delimiters })));
      });
    });
  },
};

const answers = [];
for (const { text, encoding } of job.messages) answers.push(await senders[job.kit](text, encoding));
console.log(JSON.stringify({ answers }));
process.exit(0);
