// The page of the chat view before its script fills it: controls, regions and styles. Pure. Start at `renderChatPage`.

const STYLE = `
* { box-sizing: border-box; }
html, body { height: 100%; }
body { margin: 0; padding: 0; display: flex; flex-direction: column; color: var(--vscode-foreground); font: var(--vscode-font-size) var(--vscode-font-family); }
header { display: flex; gap: 6px; align-items: center; padding: 4px 12px; border-bottom: 1px solid var(--vscode-widget-border, var(--vscode-panel-border)); }
header h1 { flex: 1; margin: 0; font-size: 1em; font-weight: 600; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
#log { flex: 1; min-height: 0; overflow-y: auto; padding: 8px 12px; }
#log > * { margin: 0 0 10px; overflow-wrap: anywhere; }
.person { padding: 6px 10px; border-radius: 4px; white-space: pre-wrap; background: var(--vscode-textBlockQuote-background, var(--vscode-editorWidget-background)); border-left: 3px solid var(--vscode-focusBorder); }
.note, .by, .totals, .hint { color: var(--vscode-descriptionForeground); font-size: 0.92em; }
.note { white-space: pre-wrap; }
.by { margin: 0 0 2px; font-weight: 600; }
.text > :first-child { margin-top: 0; }
.text > :last-child { margin-bottom: 0; }
.text h3, .text h4, .text h5 { margin: 10px 0 4px; font-size: 1.05em; }
.text p, .text ul, .text ol, .text pre, .text blockquote, .text table { margin: 6px 0; }
.text ul, .text ol { padding-left: 22px; }
.text blockquote { padding-left: 8px; border-left: 3px solid var(--vscode-textBlockQuote-border, var(--vscode-panel-border)); }
.text table { border-collapse: collapse; display: block; overflow-x: auto; }
.text th, .text td { padding: 2px 8px; text-align: left; border: 1px solid var(--vscode-widget-border, var(--vscode-panel-border)); }
a { color: var(--vscode-textLink-foreground); }
code, pre { font-family: var(--vscode-editor-font-family); font-size: 0.95em; }
code { color: var(--vscode-textPreformat-foreground); background: var(--vscode-textPreformat-background); border-radius: 3px; padding: 0 3px; }
pre { padding: 8px; overflow: auto; max-height: 320px; border-radius: 4px; background: var(--vscode-textCodeBlock-background); }
pre code { color: inherit; background: none; padding: 0; }
details > summary { cursor: pointer; padding: 2px 0; }
details.failed > summary { color: var(--vscode-errorForeground); }
details pre { margin: 4px 0 0; white-space: pre-wrap; }
.thumbs { display: flex; gap: 2px; margin-top: 2px; }
.thumbs button { background: none; color: var(--vscode-descriptionForeground); padding: 1px 5px; }
.thumbs svg { display: block; width: 14px; height: 14px; fill: none; stroke: currentColor; stroke-width: 1.2; stroke-linejoin: round; }
.thumbs button[aria-pressed="true"] svg { fill: currentColor; }
.thumbs button[aria-pressed="true"] { color: var(--vscode-foreground); background: var(--vscode-toolbar-activeBackground, var(--vscode-button-secondaryBackground)); }
#plan { padding: 6px 12px; max-height: 30%; overflow-y: auto; border-top: 1px solid var(--vscode-widget-border, var(--vscode-panel-border)); }
#plan h2, #question h2 { margin: 0 0 4px; font-size: 1em; font-weight: 600; }
#plan ol { margin: 0; padding-left: 22px; }
#plan .done, #plan .dropped { color: var(--vscode-descriptionForeground); }
#plan .dropped { text-decoration: line-through; }
#plan .active { font-weight: 600; }
#question { padding: 8px 12px; border-top: 2px solid var(--vscode-notificationsWarningIcon-foreground, var(--vscode-focusBorder)); background: var(--vscode-editorWidget-background); }
#proposal { padding: 8px 12px 0; max-height: 60%; overflow-y: auto; border-top: 2px solid var(--vscode-focusBorder); background: var(--vscode-editorWidget-background); }
#proposal h2 { margin: 0 0 4px; font-size: 1em; font-weight: 600; }
#proposal ol { margin: 0 0 6px; padding-left: 22px; }
#proposal li { margin: 0 0 6px; }
#proposal-problem { margin: 0 0 6px; color: var(--vscode-errorForeground); }
#proposal-problem:empty { display: none; }
#proposal li select { max-width: 120px; }
#proposal input { flex: 1 1 100%; min-width: 100px; padding: 3px 6px; font: inherit; color: var(--vscode-input-foreground); background: var(--vscode-input-background); border: 1px solid var(--vscode-input-border, var(--vscode-widget-border, transparent)); border-radius: 2px; }
#proposal > .row:last-child { position: sticky; bottom: 0; padding: 6px 0 8px; background: inherit; }
#proposal-remark { display: block; width: 100%; margin: 6px 0; }
#question p { margin: 0 0 6px; white-space: pre-wrap; max-height: 120px; overflow-y: auto; }
#parts { max-height: 30vh; overflow-y: auto; margin: 0 0 8px; }
#parts fieldset { margin: 0 0 6px; padding: 2px 8px 6px; border: 1px solid var(--vscode-widget-border, var(--vscode-panel-border)); border-radius: 3px; min-width: 0; }
#parts label { display: inline-flex; gap: 4px; align-items: center; cursor: pointer; }
#parts input { margin: 0; accent-color: var(--vscode-button-background); }
#parts pre { margin: 2px 0 6px; padding: 4px 0; max-height: 180px; }
#parts pre span { display: block; padding: 0 8px; min-height: 1.2em; }
#parts .added { background: var(--vscode-diffEditor-insertedLineBackground, var(--vscode-diffEditor-insertedTextBackground)); }
#parts .removed { background: var(--vscode-diffEditor-removedLineBackground, var(--vscode-diffEditor-removedTextBackground)); }
#parts .left pre { opacity: 0.5; }
.row { display: flex; flex-wrap: wrap; gap: 6px; align-items: center; }
form { padding: 8px 12px 6px; border-top: 1px solid var(--vscode-widget-border, var(--vscode-panel-border)); }
textarea { display: block; width: 100%; min-height: 56px; max-height: 240px; resize: vertical; margin-bottom: 6px; padding: 5px 6px; font: inherit; color: var(--vscode-input-foreground); background: var(--vscode-input-background); border: 1px solid var(--vscode-input-border, var(--vscode-widget-border, transparent)); border-radius: 2px; }
textarea::placeholder { color: var(--vscode-input-placeholderForeground); }
select { max-width: 140px; padding: 2px; font: inherit; color: var(--vscode-dropdown-foreground); background: var(--vscode-dropdown-background); border: 1px solid var(--vscode-dropdown-border, transparent); }
button { padding: 3px 10px; font: inherit; cursor: pointer; border: 1px solid var(--vscode-button-border, transparent); border-radius: 2px; color: var(--vscode-button-foreground); background: var(--vscode-button-background); }
button:hover { background: var(--vscode-button-hoverBackground); }
button.second { color: var(--vscode-button-secondaryForeground); background: var(--vscode-button-secondaryBackground); }
button.second:hover { background: var(--vscode-button-secondaryHoverBackground); }
button:disabled, textarea:disabled { opacity: 0.5; cursor: default; }
:focus-visible { outline: 1px solid var(--vscode-focusBorder); outline-offset: 1px; }
.end { margin-left: auto; }
.totals { margin: 4px 0 0; min-height: 1.2em; }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
[hidden] { display: none !important; }
`;

/** Render the page with the script at the address `script`; `nonce` lets the page run it and nothing else. */
export function renderChatPage(script: string, nonce: string): string {
    const policy = `default-src 'none'; style-src 'nonce-${nonce}'; script-src 'nonce-${nonce}';`;
    return `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="${policy}">
<title>Starling chat</title><style nonce="${nonce}">${STYLE}</style></head>
<body>
<header><h1 id="title">New session</h1>
<button type="button" class="second" id="open">Sessions</button>
<button type="button" class="second" id="new">New</button></header>
<main id="log" role="log" aria-live="off" aria-label="Conversation" tabindex="0"></main>
<section id="plan" aria-labelledby="plan-title" hidden><h2 id="plan-title">Plan</h2><ol id="steps"></ol></section>
<section id="question" aria-labelledby="question-title" hidden><h2 id="question-title"></h2><p id="question-detail"></p>
<div id="parts" hidden></div><div class="row" id="answers"></div></section>
<section id="proposal" aria-labelledby="proposal-title" hidden><h2 id="proposal-title"></h2>
<p id="proposal-problem" role="alert"></p>
<ol id="proposal-steps"></ol>
<div class="row"><button type="button" class="second" id="proposal-add">Add a Step</button></div>
<label for="proposal-remark" class="unseen">What should be different</label>
<input type="text" id="proposal-remark" placeholder="What should be different? Sent with No">
<div class="row"><button type="button" id="proposal-start">Start</button>
<button type="button" class="second" id="proposal-refuse">No</button></div></section>
<form id="form">
<label class="unseen" for="input">Request to the team</label>
<textarea id="input" aria-describedby="hint" placeholder="Ask the team, or @role"></textarea>
<p class="unseen" id="hint">Enter sends, Shift+Enter starts a new line, Escape stops the team.</p>
<div class="row">
<label class="unseen" for="mode">Mode</label>
<select id="mode"><option value="plan">Plan (only reads)</option><option value="act">Act (asks first)</option></select>
<label class="unseen" for="role">Role</label>
<select id="role"><option value="">Role: automatic</option></select>
<button type="submit" class="end" id="send">Send</button>
<button type="button" class="end" id="stop" hidden>Stop</button>
<button type="button" class="end" id="start" hidden>Start Starling</button>
</div>
<p class="totals" id="totals"></p>
</form>
<div class="unseen" id="announcer" role="status" aria-live="polite"></div>
<script nonce="${nonce}" src="${script}"></script>
</body></html>`;
}
