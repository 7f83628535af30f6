"use strict";

/** Show what is rendered, by which command, and what the tests say of it. */
function showSummary(section, state, template) {
  const [notes, commands, facts] = ["#notes", "#commands", "#facts"].map((selector) =>
    section.querySelector(selector),
  );
  notes.replaceChildren(...state.notes.map((note) => make("span", {}, note)));
  notes.hidden = !state.notes.length;
  commands.replaceChildren(...buildCommands(state, template));
  facts.replaceChildren(...buildFacts(state.variant));
}

/** Show what is compared with, and how much differs. */
function showComparison(section, state, comparisons) {
  const [select, status] = ["#base", "#changes"].map((selector) =>
    section.querySelector(selector),
  );
  const before = [...state.base.chosen.values()].join(", ");
  const names = {
    default: "the default answers",
    before: `the answers before${state.isDefaultBase ? "" : `: ${before || "default"}`}`,
  };
  select.replaceChildren(
    ...Object.entries(names).map(([value, name]) => make("option", { value }, name)),
  );
  select.value = state.isDefaultBase ? "default" : "before";
  status.replaceChildren(...describeChanges(comparisons));
}

function describeChanges(comparisons) {
  const every = [...comparisons.values()];
  const [changed, added, removed] = ["changed", "added", "removed"].map(
    (kind) => every.filter((each) => each.kind === kind).length,
  );
  if (!changed && !added && !removed) return ["nothing differs"];
  const parts = [
    changed && `${count(changed, "file")} changed`,
    added && `${added} added`,
    removed && `${removed} removed`,
  ];
  const sum = (name) => every.reduce((total, each) => total + each[name], 0);
  const delta = makeDelta({ added: sum("added"), removed: sum("removed") });
  return [`${parts.filter(Boolean).join(", ")} `, delta];
}

function buildCommands(state, template) {
  const copy = copyCommand(state, template);
  const { command, refusal } = updateCommand(state, template);
  return [
    buildCommand("Start", copy, "the copy command"),
    command ? buildCommand("Switch", command, "the update command") : null,
    refusal ? make("p", {}, make("span", { class: "label" }, "Switch"), refusal) : null,
  ].filter(Boolean);
}

function buildCommand(label, command, what) {
  return make(
    "div",
    { class: "command" },
    make("span", { class: "label" }, label),
    make("code", {}, ...splitWords(command)),
    makeCopyButton(() => command, what),
  );
}

/** Let a command break between its words only. */
function splitWords(command) {
  const words = command.split(" ").map((word) => make("span", {}, word));
  return words.flatMap((word, index) => (index ? [" ", word] : [word]));
}

function buildFacts({ files, tests, roundTrips }) {
  const every = [...files.values()];
  const lines = every.reduce((sum, file) => sum + file.lines.length, 0);
  const facts = [`${count(every.length, "file")}, ${count(lines, "line")}`];
  if (tests) facts.push(`✓ its ${count(tests, "test")} passed`);
  else facts.push(tests === 0 ? "✗ its tests failed" : "its tests were not run here");
  if (roundTrips) {
    const each = Object.entries(roundTrips).filter(([, number]) => number);
    const words = each.map(([kind, number]) => `a ${kind} ${number}`).join(", ");
    facts.push(`round trips: ${words}`);
  }
  return facts.map((fact) => make("span", {}, fact));
}
