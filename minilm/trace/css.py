"""The style sheet of the step-through: every selector begins with the wrapper's class."""

LEVELS = 8  # shades for each colour; the lightest still is a colour: only an exact 0 has none
SHADES = {"p": (27, 120, 55), "n": (118, 42, 131), "s": (64, 72, 88)}  # green +, purple -, grey from 0
STRENGTH = (0.08, 0.55)  # share of the colour in the lightest and the darkest shade: text stays readable

# The radio button, its label and its section are siblings, so that plain CSS can show the chosen
# section; `order` moves the sections below all labels.
SHEET = """\
& { background:#fff; color:#111; color-scheme:light; font:15px/1.5 system-ui,sans-serif; padding:12px }
& * { box-sizing:border-box }
& h1, & h2, & h3, & h4 { font-weight:bold }
& h1, & h2 { font-size:1.5em; line-height:1.2; margin:0 0 .4em; color:#111 }
& p { margin:.4em 0; max-width:75em; color:#111 }
& fieldset { display:flex; flex-wrap:wrap; align-items:center; gap:3px; border:0; margin:1em 0 0; padding:0;
  min-width:0; position:relative }
& legend { padding:0; margin:0 0 .4em; color:#444; font-size:.9em }
& hr { order:1; flex:0 0 100%; border:0; height:0; margin:0 }
& .phase { order:1; margin:2px 4px 2px 0; font-size:.8em; line-height:1.2; color:#111; flex:0 0 13.5em }
& input { position:absolute; opacity:0; width:1px; height:1px; margin:0; top:0; left:0 }
& .tab { order:1; border:1px solid #bbb; border-radius:4px; padding:1px 5px; font-size:.8em; margin:0;
  background:#fff; color:#111; cursor:pointer }
& .tab:hover { border-color:#111 }
& input:checked + .tab { background:#111; color:#fff; border-color:#111 }
& input:focus-visible + .tab { outline:3px solid #0072B2; outline-offset:1px }
& input:not(:checked) + label + section { display:none }
& section { order:2; flex:0 0 100%; min-width:0; border-top:1px solid #bbb; margin-top:8px; padding-top:4px }
& .go { display:flex; flex-wrap:wrap; gap:8px }
& .go label { border:1px solid #777; border-radius:4px; padding:3px 10px; cursor:pointer; margin:0;
  background:#f3f3f3; color:#111 }
& section h3, & section h4 { font-size:1.2em; line-height:1.3; margin:.5em 0 .2em; color:#111 }
& .formula code, & .array code { font:13px/1.6 ui-monospace,Menlo,Consolas,monospace; padding:0;
  background:none; color:#111; white-space:pre-wrap; overflow-wrap:anywhere }
& .formula { background:#f3f3f3; padding:4px 10px }
& .array { margin:1.1em 0 .2em }
& .array code { font-weight:bold }
& .panels { display:flex; flex-wrap:wrap; gap:10px 12px; margin-bottom:10px; align-items:flex-start }
& .box { overflow-x:auto; max-width:100%; padding-left:5px; border-left:5px solid transparent }
& .masked { border-left-color:#0072B2 }
& .full { border-left-color:#D55E00 }
& .weighted { border-left-color:#009E73 }
& .box table { border-collapse:collapse; border:0; margin:0; width:auto; table-layout:auto; color:#111;
  font:11.5px/1.35 ui-monospace,Menlo,Consolas,monospace; font-variant-numeric:tabular-nums }
& .box caption { caption-side:top; text-align:left; font-weight:bold; padding:0 0 2px; color:#111;
  white-space:nowrap }
& .box thead, & .box tbody, & .box tr { background:#fff; border:0 }
& .box th { background:#fff; color:#333; font-weight:normal; padding:2px 3px; border:0; text-align:right;
  vertical-align:bottom; max-width:8em; overflow-wrap:anywhere; white-space:normal }
& .box th:first-child { text-align:left }
& .box th[scope=row] { position:sticky; left:0; min-width:calc(10ch + 8px); vertical-align:middle;
  max-width:13ch }
& .box td { color:#111; padding:2px 3px; border:1px solid #fff; min-width:calc(7ch + 7px);
  text-align:right; white-space:nowrap; background:#fff; max-width:none }
& .box.words th { text-align:left }
& .box.few th, & .box.few th[scope=row] { max-width:none; white-space:nowrap; padding-right:8px }
& .box td.t { text-align:left; padding-right:14px }
"""
ZERO = "background:#fff repeating-linear-gradient(45deg,#fff 0 4px,#d5d5d5 4px 5px);text-align:center"
NARROW = """\
@media (max-width:900px) { & .tab span { display:none } & .tab { padding:3px 6px }
& hr { display:none } & .phase { flex:none; margin:2px 2px 2px 6px }
& .box th[scope=row] { max-width:calc(10ch + 8px) } }
@media print { & section, & input:not(:checked) + label + section { display:block }
& .tab, & .go { display:none } }
"""


def build_sheet():
    """The whole sheet. The colours of cells are classes: p1 to p8, n1 to n8, s1 to s8, z for exact 0."""
    lines = [SHEET, f"& .box td.z {{ {ZERO} }}\n"]
    low, high = STRENGTH
    for letter, colour in SHADES.items():
        for level in range(LEVELS):
            strength = low + (high - low) * level / (LEVELS - 1)
            mixed = "".join(f"{round(255 + (c - 255) * strength):02x}" for c in colour)
            lines.append(f"& .box td.{letter}{level + 1} {{ background:#{mixed} }}\n")
    return "".join([*lines, NARROW]).replace("&", ".minilm-trace")
