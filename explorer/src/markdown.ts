/**
 * How descriptions in the schema are rendered; stands in for GraphiQL's own settings.
 *
 * A description ends with a line such as `Data class: clinical. Needs: Encounter.rs.`: it must stay a line of its own
 * (`breaks`), and `Encounter.rs` is a scope, not a web address in Serbia (no `linkify`).
 */

import MarkdownIt from "markdown-it";

export const markdown = new MarkdownIt({ breaks: true, linkify: false });
