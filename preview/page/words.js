"use strict";

// Lines that have less than this in common are not compared word by word.
const ALIKE = 0.5;

/** Mark what differs within lines that were replaced, in a browser that can. */
function markWords(container) {
  if (!CSS.highlights) return;
  const added = new Highlight();
  const removed = new Highlight();
  for (const [before, after] of pairLines(container)) {
    const texts = [before.textContent, after.textContent];
    const { start, end } = countCommonWords(...texts);
    if (start + end < ALIKE * Math.min(...texts.map((text) => text.length))) continue;
    removed.add(makeRange(before, start, texts[0].length - end));
    added.add(makeRange(after, start, texts[1].length - end));
  }
  CSS.highlights.set("words-added", added);
  CSS.highlights.set("words-removed", removed);
}

/** Return each removed line with the one in its place: in runs of the same length. */
function pairLines(container) {
  const pairs = [];
  for (const block of container.querySelectorAll(".block")) {
    let run = { DEL: [], INS: [] };
    for (const line of [...block.children, document.createElement("span")]) {
      if (line.tagName === "INS" || (line.tagName === "DEL" && !run.INS.length)) {
        run[line.tagName].push(line);
        continue;
      }
      if (run.DEL.length === run.INS.length) {
        pairs.push(...run.DEL.map((removed, index) => [removed, run.INS[index]]));
      }
      run = { DEL: line.tagName === "DEL" ? [line] : [], INS: [] };
    }
  }
  return pairs;
}

/** Return how much is the same at both ends, without a part of a word. */
function countCommonWords(before, after) {
  let { start, end } = countCommon(before, after);
  const isWord = (character) => /\w/.test(character ?? "");
  const isWithin = (here, next) =>
    isWord(here) && (isWord(before.at(next)) || isWord(after.at(next)));
  while (start > 0 && isWithin(before[start - 1], start)) start--;
  while (end > 0 && isWithin(before.at(-end), -end - 1)) end--;
  return { start, end };
}

function makeRange(line, start, end) {
  const range = new Range();
  let offset = 0;
  const walker = document.createTreeWalker(line, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    if (start >= offset && start <= offset + node.length) {
      range.setStart(node, start - offset);
    }
    if (end >= offset && end <= offset + node.length) range.setEnd(node, end - offset);
    offset += node.length;
  }
  return range;
}
