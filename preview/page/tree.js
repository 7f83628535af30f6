"use strict";

// A folder with more files than this starts closed.
const LONG = 24;
// The key of the link to all changes, which no path is.
const ALL = "";
const OWNERS = [
  {
    title: "Yours",
    about: "Rendered once, as a start.",
    owns: (file) => !file.isLayer,
  },
  {
    title: "The layer’s",
    about: "Updates arrive here.",
    owns: (file) => file.isLayer,
  },
];

// What the reader opened or closed, by the folder.
const opened = new Map();

/**
 * Show all files of the state, and those that are gone, in a folder for each owner.
 *
 * @param {Map} comparisons The comparison of each file with the base, by path.
 * @param {function} link Returns the address of a path, or of null for all changes.
 */
function showTree(nav, state, comparisons, link) {
  const focused = nav.contains(document.activeElement)
    ? document.activeElement.dataset.key
    : null;
  const isChanged = ([, { kind }]) => kind !== "same";
  const changes = [...comparisons].filter(isChanged).length;
  const isAll = state.view === "changes" && state.path === null;
  nav.replaceChildren(
    ...(changes
      ? [makeLink(link(null), isAll, ALL, `All changes (${changes})`)]
      : []),
    ...OWNERS.map((owner) => buildOwner(owner, state, comparisons, link)),
  );
  const pane = nav.parentElement;
  if (nav.dataset.shown !== `${state.path}` && pane.scrollHeight > pane.clientHeight) {
    nav.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest" });
  }
  nav.dataset.shown = state.path;
  if (focused !== null) {
    const place = nav.querySelector(`[data-key="${CSS.escape(focused)}"]`);
    place?.focus({ preventScroll: true });
  }
}

/** Move through the files with the arrow keys. */
function moveInTree(nav, event) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step) return;
  const places = [...nav.querySelectorAll("a, summary")].filter((place) =>
    place.checkVisibility(),
  );
  places[places.indexOf(document.activeElement) + step]?.focus();
  event.preventDefault();
}

function buildOwner({ title, about, owns }, state, comparisons, link) {
  const entries = [];
  for (const [path, comparison] of comparisons) {
    const current = state.variant.files.get(path);
    const file = current ?? state.base.variant.files.get(path);
    if (owns(file)) entries.push({ path, file, comparison, isHere: Boolean(current) });
  }
  const here = entries.filter(({ isHere }) => isHere);
  const lines = here.reduce((sum, { file }) => sum + file.lines.length, 0);
  return make(
    "section",
    {},
    make("h3", {}, title, make("small", {}, count(lines, "line"))),
    make("p", {}, about),
    buildFolder(nest(entries), "", title, state, link),
  );
}

/** Put entries into folders: `folders` by their names, and `entries`. */
function nest(entries) {
  const root = { folders: new Map(), entries: [] };
  for (const entry of entries) {
    let folder = root;
    for (const name of entry.path.split("/").slice(0, -1)) {
      if (!folder.folders.has(name)) {
        folder.folders.set(name, { folders: new Map(), entries: [] });
      }
      folder = folder.folders.get(name);
    }
    folder.entries.push(entry);
  }
  return root;
}

function buildFolder(folder, path, owner, state, link) {
  return make(
    "ul",
    {},
    ...[...folder.folders].map(([name, inner]) => {
      let where = `${path}${name}/`;
      // A folder with nothing but a folder shares its line.
      while (!inner.entries.length && inner.folders.size === 1) {
        [[name, inner]] = inner.folders;
        where += `${name}/`;
      }
      return make("li", {}, buildOpenFolder(inner, where, path, owner, state, link));
    }),
    ...folder.entries.map((entry) => make("li", {}, buildEntry(entry, state, link))),
  );
}

function buildOpenFolder(folder, where, above, owner, state, link) {
  const key = `${owner} ${where}`;
  const isOpen =
    opened.get(key) ??
    (folder.entries.length <= LONG || Boolean(state.path?.startsWith(where)));
  const changed = collect(folder).filter(({ comparison }) => comparison.kind !== "same");
  const summary = make(
    "summary",
    { "data-key": key },
    make("span", { class: "name" }, where.slice(above.length)),
    changed.length
      ? make("span", { class: "mark", title: `${count(changed.length, "file")} differ` }, "●")
      : null,
  );
  const details = make(
    "details",
    { open: isOpen },
    summary,
    buildFolder(folder, where, owner, state, link),
  );
  summary.addEventListener("click", () => opened.set(key, !details.open));
  return details;
}

function collect(folder) {
  return [...folder.entries, ...[...folder.folders.values()].flatMap(collect)];
}

function buildEntry({ path, file, comparison }, state, link) {
  const { kind } = comparison;
  const name = path.split("/").at(-1);
  const view = kind === "removed" ? "changes" : undefined;
  const entry = makeLink(link(path, view), state.path === path, path, name);
  entry.classList.add(kind);
  const lines = file.lines.length;
  const told = [name, count(lines, "line"), ...(kind === "same" ? [] : [kind])];
  entry.setAttribute("aria-label", told.join(", "));
  if (kind !== "same") entry.append(makeDelta(comparison));
  if (kind !== "removed") {
    entry.append(make("span", { class: "lines" }, lines.toLocaleString("en")));
  }
  return entry;
}

function makeLink(href, isCurrent, key, name) {
  return make(
    "a",
    { href, "data-key": key, "aria-current": isCurrent && "true" },
    make("span", { class: "name" }, name),
  );
}
