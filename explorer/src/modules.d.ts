/** Parts of packages that are published without types, and what the build puts in. */

declare module "monaco-editor/esm/vs/*";
declare module "monaco-graphql/esm/graphql.worker.js";
declare module "markdown-it";
declare module "*.css";

/** File names of the other two bundles; each carries a hash of its content. */
declare const WORKER_FILE: string;
declare const WORKBENCH_FILE: string;
