/**
 * The background thread of the editors: checks and completes GraphQL and JSON as it is typed.
 *
 * One file for the three kinds of worker, told apart by the name given to `new Worker`, because they share most of
 * their code. Each module sets the thread's message handler when it is loaded; the bundle inlines them, so that is
 * done before the first message can be delivered.
 */

switch (self.name) {
  case "graphql":
    void import("monaco-graphql/esm/graphql.worker.js");
    break;
  case "json":
    void import("monaco-editor/esm/vs/language/json/json.worker.js");
    break;
  default:
    void import("monaco-editor/esm/vs/editor/editor.worker.js");
}
