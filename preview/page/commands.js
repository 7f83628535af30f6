"use strict";

/** The command that renders the state in a new copy. */
function copyCommand({ chosen, variant }, template) {
  const options = [...chosen].flatMap(writeOption);
  const words = ["uvx", "copier", "copy", "--defaults", ...options];
  return [...words, template.source, variant.destination].map(quote).join(" ");
}

/**
 * The command that leads a project from the answers that are compared with to these.
 *
 * @returns {{command: string, refusal: string}} One of both: an update does not change
 *   some answers. Neither, if nothing differs.
 */
function updateCommand({ answers, base }, template) {
  const changed = template.questions.filter(
    ({ name }) => answers.get(name) !== base.answers.get(name),
  );
  const fixed = changed.filter((question) => question.fixed);
  if (fixed.length) {
    const names = fixed.map(({ name }) => name).join(" and ");
    return { refusal: `No update changes ${names}: a copy fixes it.` };
  }
  if (!changed.length) return {};
  const options = changed.flatMap(({ name }) => writeOption([name, answers.get(name)]));
  return {
    command: ["uvx", "copier", "update", "--defaults", ...options].map(quote).join(" "),
  };
}

function writeOption([name, answer]) {
  return ["--data", `${name}=${answer}`];
}

/** Quote a word for a POSIX shell. */
function quote(word) {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
