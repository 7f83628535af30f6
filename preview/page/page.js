"use strict";

// Below these widths the files, and then the questions too, start folded.
const NARROW = matchMedia("(width < 1100px)");
const PHONE = matchMedia("(width < 720px)");

/** Show the state of the address, now and whenever it changes. */
function start(template) {
  const [form, questions, tree, nav, summary, code] = [
    "#questions form",
    "#questions",
    "#tree",
    "#tree nav",
    "#summary",
    "#code",
  ].map((selector) => document.querySelector(selector));
  let state;
  // The answers before the last switch, and what is to be said of it.
  let before = template.defaults;
  let notes = [];

  const link = (path, view = path === null ? "changes" : state.view) =>
    writeAddress({ ...state, path, view });

  function show() {
    state = readAddress(location.hash, template);
    state.notes.push(...notes.splice(0));
    const comparisons = compareVariants(state.base.variant, state.variant);
    showQuestions(form, state);
    showSummary(summary, state, template);
    showComparison(summary, state, comparisons);
    showTree(nav, state, comparisons, link);
    showCode(code, state, comparisons, link);
    const chosen = [...state.chosen].map((pair) => pair.join("="));
    document.querySelector("#answers").textContent = chosen.join(", ") || "the defaults";
    document.querySelector("#selected").textContent = state.path ?? "All changes";
    if (PHONE.matches) tree.open = false;
  }

  function answer(name, value) {
    const wanted = new Map(state.answers).set(name, value);
    const resolved = template.resolve(wanted);
    notes = explainRefusals(template, wanted, resolved);
    const base = state.isDefaultBase ? state.base : state;
    const isText = !resolved.offered.has(name);
    if (!isText) before = state;
    const next = { ...state, ...resolved, base };
    // Typing leaves one entry in the history.
    const address = writeAddress(next);
    if (isText) location.replace(address);
    else location.hash = address;
  }

  buildQuestions(form, template, answer);
  summary.querySelector("#base").addEventListener("change", ({ target }) => {
    const isDefaultBase = target.value === "default";
    const base = isDefaultBase ? template.defaults : before;
    location.hash = writeAddress({ ...state, base, isDefaultBase });
  });
  nav.addEventListener("keydown", (event) => moveInTree(nav, event));
  addEventListener("hashchange", show);
  const unfold = () => {
    questions.open = !PHONE.matches;
    tree.open = !NARROW.matches;
  };
  for (const query of [NARROW, PHONE]) query.addEventListener("change", unfold);
  unfold();
  const source = document.querySelector("#source");
  source.href = template.source.replace(/^gh:/, "https://github.com/");
  document.body.removeAttribute("aria-busy");
  show();
}

/** Compare the files of two variants, by path. */
function compareVariants(base, variant) {
  const paths = new Set([...base.files.keys(), ...variant.files.keys()]);
  return new Map(
    [...paths]
      .sort()
      .map((path) => [path, compareFiles(base.files.get(path), variant.files.get(path))]),
  );
}

Template.unpack(PACKED).then(start, () => {
  const notes = document.querySelector("#notes");
  notes.textContent = "This browser cannot unpack the files: it needs to be from 2023 or later.";
});
