"use strict";

const VIEWS = ["file", "changes"];

/**
 * Read the state from the part of an address after "#".
 *
 * What is unknown or impossible becomes the default, with a sentence that says so.
 *
 * @returns {object} What `Template.resolve` returns; `base`, the same of the answers to
 *   compare with, and `isDefaultBase`; `path` of the file, null for all that changes;
 *   `view`; `notes`, the sentences.
 */
function readAddress(hash, template) {
  const given = new Map(new URLSearchParams(hash.replace(/^#/, "")));
  const notes = [];
  const names = new Set(template.questions.map(({ name }) => name));
  for (const name of given.keys()) {
    if (!names.has(name) && !["file", "view", "from"].includes(name)) {
      notes.push(`There is no question “${name}”.`);
    }
  }
  const resolved = template.resolve(given);
  notes.push(...explainRefusals(template, given, resolved));

  const isDefaultBase = !given.has("from");
  const from = parseAnswers(given.get("from") ?? "");
  const base = template.resolve(from);
  notes.push(...explainRefusals(template, from, base));

  let view = given.get("view") ?? "file";
  if (!VIEWS.includes(view)) {
    notes.push(`There is no view “${view}”: this is the file.`);
    view = "file";
  }
  const { path, note } = findPath(given.get("file"), view, resolved, base, template);
  if (note) notes.push(note);
  return { ...resolved, base, isDefaultBase, path, view, notes };
}

/** Write a state as the part of an address after "#", without what is default. */
function writeAddress({ chosen, base, isDefaultBase, path, view }) {
  const parts = [...chosen];
  if (path) parts.push(["file", path]);
  if (view !== "file") parts.push(["view", view]);
  if (!isDefaultBase) {
    const from = [...base.chosen].map((pair) => pair.join(":"));
    parts.push(["from", from.join(",")]);
  }
  const encode = (text) =>
    encodeURIComponent(text).replace(/%(2F|3A|2C)/g, decodeURIComponent);
  return `#${parts.map((pair) => pair.map(encode).join("=")).join("&")}`;
}

/** Say which of the wanted answers are not there. */
function explainRefusals(template, wanted, { answers, refused }) {
  return refused.map((name) => {
    const question = template.questions.find((each) => each.name === name);
    const choice = question.choices.find(({ value }) => value === wanted.get(name));
    const instead = `${name} is ${answers.get(name)}`;
    return choice
      ? `${choice.value} needs ${choice.needs}, so ${instead}.`
      : `${name} has no answer “${wanted.get(name)}”, so ${instead}.`;
  });
}

function parseAnswers(text) {
  const pairs = text.split(",").filter(Boolean);
  return new Map(pairs.map((pair) => pair.split(/:(.*)/s, 2)));
}

/** Find the file to show: the one that is asked for, the first one, or none. */
function findPath(asked, view, { variant }, base, template) {
  const isThere = variant.files.has(asked);
  const wasThere = view === "changes" && base.variant.files.has(asked);
  if (isThere || wasThere) return { path: asked };
  const first =
    template.first.find((path) => variant.files.has(path)) ??
    variant.files.keys().next().value;
  const path = view === "changes" ? null : first;
  const shown = path ?? "all that changes";
  return { path, note: asked && `There is no ${asked} here: this is ${shown}.` };
}
