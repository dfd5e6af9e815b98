/** The colours of the editors: those of the page, where GraphiQL's own are pink. */

import { editor } from "./monaco";

export const THEME = "caregraph";

const ACCENT = "#0f766e";
const TINT = "#e3f1ef";
const PAPER = "#ffffff";
const NONE = "#ffffff00";

export function defineTheme(): void {
  editor.defineTheme(THEME, {
    base: "vs",
    inherit: true,
    rules: [{ token: "argument.identifier.gql", foreground: "6c69ce" }],
    colors: {
      "editor.background": NONE,
      "scrollbar.shadow": NONE,
      "editorHoverWidget.background": PAPER,
      "editorWidget.background": PAPER,
      "editorSuggestWidget.background": PAPER,
      "editorSuggestWidget.selectedBackground": TINT,
      "editorSuggestWidget.selectedForeground": ACCENT,
      "list.hoverBackground": TINT,
      "list.highlightForeground": ACCENT,
      "list.focusHighlightForeground": ACCENT,
      "menu.background": PAPER,
      "menu.selectionBackground": TINT,
      "menu.selectionForeground": ACCENT,
      "quickInput.background": PAPER,
      "quickInputList.focusBackground": TINT,
      "quickInputList.focusForeground": "#17252a",
      "textLink.foreground": ACCENT,
      "textLink.activeForeground": ACCENT,
      "editorLink.activeForeground": ACCENT,
      focusBorder: ACCENT,
    },
  });
}
