/**
 * GraphiQL's reading of JSON with comments, with a formatter of 3 KB; stands in for its module of the same name, whose
 * formatter is Prettier with Babel (540 KB).
 */

import { applyEdits, format } from "jsonc-parser";

export { parseJSONC, tryParseJSONC } from "../node_modules/@graphiql/react/dist/utility/jsonc.js";

export async function formatJSONC(content: string): Promise<string> {
  return applyEdits(content, format(content, undefined, { insertSpaces: true, tabSize: 2 }));
}
