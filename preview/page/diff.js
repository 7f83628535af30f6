"use strict";

/** Return how many lines, or characters, are the same at the start and at the end. */
function countCommon(before, after) {
  const shortest = Math.min(before.length, after.length);
  let start = 0;
  while (start < shortest && before[start] === after[start]) start++;
  let end = 0;
  while (end < shortest - start && before.at(-1 - end) === after.at(-1 - end)) end++;
  return { start, end };
}

/**
 * Compare two lists of lines.
 *
 * @returns {{old: ?number, new: ?number}[]} A row for each line, with its index in the
 *   lists: in both if it is the same, in one if it was removed or added.
 */
function diffLines(before, after) {
  const { start, end } = countCommon(before, after);
  const rows = [];
  for (let index = 0; index < start; index++) rows.push({ old: index, new: index });
  const olds = before.slice(start, before.length - end);
  const news = after.slice(start, after.length - end);
  for (const row of diffMiddle(olds, news)) {
    rows.push({
      old: row.old === null ? null : row.old + start,
      new: row.new === null ? null : row.new + start,
    });
  }
  for (let index = end; index > 0; index--) {
    rows.push({ old: before.length - index, new: after.length - index });
  }
  return rows;
}

/** The same for lists that differ at both ends, by their longest common subsequence. */
function diffMiddle(olds, news) {
  const width = news.length + 1;
  // Of what follows each pair of places.
  const lengths = new Uint16Array((olds.length + 1) * width);
  for (let i = olds.length - 1; i >= 0; i--) {
    for (let j = news.length - 1; j >= 0; j--) {
      lengths[i * width + j] =
        olds[i] === news[j]
          ? lengths[(i + 1) * width + j + 1] + 1
          : Math.max(lengths[(i + 1) * width + j], lengths[i * width + j + 1]);
    }
  }
  const rows = [];
  let i = 0;
  let j = 0;
  while (i < olds.length || j < news.length) {
    if (i < olds.length && j < news.length && olds[i] === news[j]) {
      rows.push({ old: i++, new: j++ });
    } else if (
      j === news.length ||
      (i < olds.length && lengths[(i + 1) * width + j] >= lengths[i * width + j + 1])
    ) {
      rows.push({ old: i++, new: null });
    } else {
      rows.push({ old: null, new: j++ });
    }
  }
  return rows;
}

const NOTHING = { texts: [], lines: [] };
const comparisons = new Map();

/**
 * Compare two files, each pair once.
 *
 * @returns {{kind: string, rows: object[], added: number, removed: number}} The kind is
 *   "same", "changed", "added" or "removed".
 */
function compareFiles(before = NOTHING, after = NOTHING) {
  const known = comparisons.get(before) ?? new Map();
  comparisons.set(before, known);
  if (!known.has(after)) {
    const rows = before === after ? [] : diffLines(before.texts, after.texts);
    let kind = before === after ? "same" : "changed";
    if (before === NOTHING) kind = "added";
    if (after === NOTHING) kind = "removed";
    const added = rows.filter((row) => row.old === null).length;
    const removed = rows.filter((row) => row.new === null).length;
    known.set(after, { kind, rows, added, removed });
  }
  return known.get(after);
}
