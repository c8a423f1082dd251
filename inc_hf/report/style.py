"""The looks of the page: by day, by night and on paper."""

STYLE = """
:root { color-scheme: light dark; --back: #fff; --text: #1c2330; --muted: #5b6575; --rule: #dde2ea; --panel: #f5f7fa;
  --good: #1f6fd0; --bad: #b4540a; --best: #0a7d4f; --float: #7a8494; --third: #8a3fc0; --fill: #cfe1f8; }
@media (prefers-color-scheme: dark) {
  :root { --back: #14181f; --text: #e6eaf0; --muted: #9aa5b5; --rule: #303844; --panel: #1d232c;
    --good: #6cabf5; --bad: #f0a05a; --best: #4fce97; --float: #98a3b3; --third: #c795f0; --fill: #274365; } }
@media print { :root { --back: #fff; --text: #000; --muted: #444; --rule: #bbb; --panel: #fff; --good: #1f6fd0;
    --bad: #b4540a; --best: #0a7d4f; --float: #7a8494; --third: #8a3fc0; --fill: #cfe1f8; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 72rem; background: var(--back); color: var(--text);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: .25rem 0 .5rem; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 2.25rem 0 .5rem; padding-top: .5rem; border-top: 1px solid var(--rule); }
p { margin: .5rem 0; max-width: 48rem; }
code { font: .85em/1.4 ui-monospace, SFMono-Regular, Menlo, "DejaVu Sans Mono", monospace; }
.muted, .legend, .absent, footer { color: var(--muted); font-size: .875rem; }
.about { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1rem; margin: .75rem 0; font-size: .9rem; }
.about dt { color: var(--muted); } .about dd { margin: 0; overflow-wrap: anywhere; }
.tiles { display: grid; grid-template-columns: repeat(auto-fill, minmax(10rem, 1fr)); gap: .75rem; margin: 1rem 0; }
.tile { background: var(--panel); border: 1px solid var(--rule); border-radius: .5rem; padding: .6rem .8rem; }
.tile span { display: block; color: var(--muted); font-size: .8rem; }
.tile b { display: block; font-size: 1.35rem; line-height: 1.3; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .875rem; }
th { text-align: left; font-weight: 600; color: var(--muted); vertical-align: bottom; }
th, td { padding: .3rem .75rem .3rem 0; border-bottom: 1px solid var(--rule); }
td { vertical-align: top; font-variant-numeric: tabular-nums; } td.n { white-space: nowrap; }
.bar { position: relative; display: block; min-width: 5.5rem; padding: 0 .3rem; z-index: 0; }
.bar b { font-weight: 400; white-space: nowrap; }
.fill { position: absolute; inset: 0 auto 0 0; background: var(--fill); border-radius: .2rem; z-index: -1; }
.pair { white-space: nowrap; } .yes { color: var(--best); } .no { color: var(--bad); }
details { margin: .25rem 0; } summary { cursor: pointer; color: var(--good); padding: .35rem 0; font-size: .875rem; }
details thead { display: none; }
figure { margin: .5rem 0 1rem; max-width: 36rem; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 24rem), 1fr)); gap: 0 1.5rem; }
.plot { display: block; width: 100%; height: auto; font-size: 12px; }
.plot text { fill: var(--muted); } .plot .label, .plot .levelname { fill: var(--text); }
.grid { stroke: var(--rule); } .level { stroke: var(--text); stroke-dasharray: 4 3; } .strip { fill: var(--panel); }
.dot { stroke-width: 2; stroke: var(--good); fill: var(--good); background: var(--good); }
.dot.missed { stroke: var(--bad); fill: var(--back); background: var(--back); border: 2px solid var(--bad); }
.dot.best { stroke: var(--best); fill: var(--best); background: var(--best); }
.float, .dot.float { stroke: var(--float); fill: var(--float); background: var(--float); }
.ranges .met { fill: var(--good); } .ranges .float { fill: var(--float); stroke: none; }
.ranges { width: 100%; min-width: 5rem; max-width: 14rem; height: 3em; display: block; }
.ranges .level { stroke-dasharray: none; stroke-width: .6; }
.line { fill: none !important; stroke-width: 2; }
.s0 { stroke: var(--good); fill: var(--good); background: var(--good); }
.s1 { stroke: var(--bad); fill: var(--bad); background: var(--bad); }
.s2 { stroke: var(--best); fill: var(--best); background: var(--best); }
.s3 { stroke: var(--third); fill: var(--third); background: var(--third); }
.legend span { white-space: nowrap; margin-right: 1rem; }
.legend i { display: inline-block; width: .75rem; height: .75rem; border-radius: 50%; margin-right: .35rem;
  vertical-align: -.05rem; }
.legend i.float { border-radius: 0; }
footer { margin: 2.5rem 0 1rem; padding-top: .5rem; border-top: 1px solid var(--rule); }
@media (max-width: 40rem) { body { padding: .75rem; } table { font-size: .8125rem; } th, td { padding-right: .5rem; }
  td:has(> code:first-child) { min-width: 9.5rem; } .plot { font-size: 15px; }
  .about { grid-template-columns: 1fr; } .about dd { margin-bottom: .35rem; } }
@media print { body { max-width: none; padding: 0; font-size: 10pt; } .scroll { overflow: visible; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; } figure, tr, .tile { break-inside: avoid; }
  h2 { break-after: avoid; } summary { display: none; } details::details-content { content-visibility: visible; } }
"""
