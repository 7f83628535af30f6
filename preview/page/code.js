"use strict";

// Unchanged lines that are shown around a change.
const AROUND = 3;

/** Show the file of the state, or what changes in it, or all that changes. */
function showCode(section, state, comparisons, link) {
  const [heading, text] = ["#heading", "#text"].map((selector) =>
    section.querySelector(selector),
  );
  heading.replaceChildren(...buildHeading(state, comparisons, link));
  const key = `${state.view} ${state.path}`;
  if (text.dataset.shown !== key) text.scrollTo(0, 0);
  text.dataset.shown = key;
  const file = state.variant.files.get(state.path);
  if (state.view === "file") {
    text.replaceChildren(buildFile(file));
  } else if (state.path) {
    text.replaceChildren(buildChanges(state, comparisons, state.path));
  } else {
    const changed = [...comparisons].filter(([, { kind }]) => kind !== "same");
    text.replaceChildren(
      ...changed.map(([path, comparison]) =>
        make(
          "article",
          { "aria-label": path },
          make(
            "h3",
            {},
            make("a", { href: link(path) }, path),
            comparison.kind === "changed" ? "" : ` ${comparison.kind} `,
            makeDelta(comparison),
          ),
          buildChanges(state, comparisons, path),
        ),
      ),
      ...(changed.length ? [] : [make("p", {}, "Nothing differs.")]),
    );
  }
  markWords(text);
}

function buildHeading(state, comparisons, link) {
  const { path, view } = state;
  const file = state.variant.files.get(path);
  const name = path?.split("/").at(-1);
  const comparison = comparisons.get(path);
  const title = path
    ? make("h2", {}, make("span", {}, path.slice(0, -name.length)), name)
    : make("h2", {}, "All changes");
  const about = file && `${count(file.lines.length, "line")}, ${describeOwner(file)}`;
  if (!path) return [title];
  const views = make("div", { class: "views", role: "group", "aria-label": "View" });
  if (file) views.append(makeView("File", link(path, "file"), view === "file"));
  const changes = makeView("Changes", link(path, "changes"), view === "changes");
  if (comparison.kind !== "same") changes.append(" ", makeDelta(comparison));
  views.append(changes);
  return [
    title,
    make("p", {}, about ?? "not rendered with these answers"),
    views,
    file ? makeCopyButton(() => file.texts.join(""), "the file") : "",
  ];
}

function describeOwner(file) {
  return file.isLayer ? "the layer’s" : "yours";
}

function makeView(name, href, isCurrent) {
  return make("a", { href, "aria-current": isCurrent && "true" }, name);
}

function buildFile(file) {
  if (!file.lines.length) return make("p", {}, "This file is empty.");
  const code = make("code");
  code.innerHTML = file.lines
    .map((line) => `<span class="line">${line}</span>`)
    .join("");
  return make("pre", { class: "numbered" }, code);
}

function buildChanges(state, comparisons, path) {
  const comparison = comparisons.get(path);
  if (comparison.kind === "same") return make("p", {}, "This file is the same.");
  if (!comparison.rows.length) return make("p", {}, "This file is empty.");
  const before = state.base.variant.files.get(path);
  const after = state.variant.files.get(path);
  const code = make("code");
  for (const { rows, isFolded } of fold(comparison.rows)) {
    const block = make("span", { class: "block", hidden: isFolded });
    block.innerHTML = rows.map((row) => writeRow(row, before, after)).join("");
    if (isFolded) code.append(makeFold(rows.length, block));
    code.append(block);
  }
  return make("pre", { class: "diff" }, code);
}

/** Divide rows into those near a change, and long runs of others. */
function fold(rows) {
  const changes = rows.flatMap((row, index) =>
    row.old === null || row.new === null ? [index] : [],
  );
  const blocks = [];
  let next = 0;
  for (const [index, row] of rows.entries()) {
    while (changes[next] < index) next++;
    const near = [changes[next - 1], changes[next]].some(
      (change) => Math.abs(change - index) <= AROUND,
    );
    if (blocks.at(-1)?.isFolded !== !near) blocks.push({ rows: [], isFolded: !near });
    blocks.at(-1).rows.push(row);
  }
  return blocks.map(({ rows, isFolded }) => ({ rows, isFolded: isFolded && rows.length > 1 }));
}

function writeRow(row, before, after) {
  const line = row.new === null ? before.lines[row.old] : after.lines[row.new];
  const tag = row.old === null ? "ins" : row.new === null ? "del" : "span";
  const old = row.old === null ? "" : row.old + 1;
  const now = row.new === null ? "" : row.new + 1;
  return `<${tag} class="line" data-old="${old}" data-new="${now}">${line}</${tag}>`;
}

function makeFold(number, block) {
  const button = make("button", { type: "button", class: "fold" });
  button.textContent = `${count(number, "unchanged line")}`;
  button.addEventListener("click", () => {
    block.hidden = false;
    button.remove();
  });
  return button;
}
