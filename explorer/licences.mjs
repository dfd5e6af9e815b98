/** Collects the licence of every package of which something is in a bundle. */

import { readdir, readFile } from "node:fs/promises";
import { resolve } from "node:path";

const RULE = "=".repeat(78);

export async function licencesOf(root, metafiles) {
  const folders = [...new Set(metafiles.flatMap(bundled).map(packageFolder).filter(Boolean))].sort();
  const entries = await Promise.all(folders.map((folder) => entryOf(root, folder)));
  const intro = "The files of this folder hold parts of the packages below, under the licences given with each.\n";
  return [intro, ...entries].join(`\n${RULE}\n`);
}

/** The files of which something is left after unused code was dropped. */
function bundled({ outputs }) {
  return Object.values(outputs).flatMap(({ inputs }) =>
    Object.keys(inputs).filter((path) => inputs[path].bytesInOutput > 0),
  );
}

/** `node_modules/@scope/name` of an input path; the innermost one, where packages are nested. */
function packageFolder(input) {
  return /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(input)?.[0];
}

async function entryOf(root, folder) {
  const about = JSON.parse(await readFile(resolve(root, folder, "package.json"), "utf8"));
  const files = (await readdir(resolve(root, folder))).filter((name) =>
    /^(licen[cs]e|notice|thirdpartynotices)(\.|$)/i.test(name),
  );
  const texts = await Promise.all(files.sort().map((name) => readFile(resolve(root, folder, name), "utf8")));
  if (typeof about.license !== "string") {
    throw new Error(`${about.name} states no licence`);
  }
  const stated = texts.length > 0 ? texts : [unwritten(about)];
  return [`${about.name} ${about.version}\nLicence: ${about.license}\n`, ...stated.map(tidy)].join("\n");
}

function tidy(text) {
  return `${text.replace(/\r\n/g, "\n").replace(/[ \t]+$/gm, "").trim()}\n`;
}

/** The text for a package that names the MIT licence without enclosing it; any other such package fails the build. */
function unwritten({ name, license, author, repository }) {
  if (license !== "MIT") {
    throw new Error(`${name} encloses no licence text, and ${license} is not one we can write for it`);
  }
  const holder = author?.name ?? author ?? `the authors of ${repository?.url ?? repository ?? name}`;
  return MIT.replace("HOLDER", holder);
}

const MIT = `MIT License

Copyright (c) HOLDER

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
documentation files (the "Software"), to deal in the Software without restriction, including without limitation the
rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit
persons to whom the Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.`;
