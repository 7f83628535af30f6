"use strict";

/** A file of some variants: its path, whose it is, and its lines as HTML. */
class TemplateFile {
  #html;
  #lines;
  #texts;

  constructor({ path, layer, html }) {
    this.path = path;
    this.isLayer = layer;
    this.#html = html;
  }

  /** The lines as HTML. Each ends with a line feed, except a last one without. */
  get lines() {
    this.#lines ??= splitLines(this.#html);
    return this.#lines;
  }

  /** The lines as they are in the file. */
  get texts() {
    // All at once, which is quicker than line by line.
    this.#texts ??= splitLines(
      this.#html
        .replace(/<[^>]*>/g, "")
        .replaceAll("&lt;", "<")
        .replaceAll("&gt;", ">")
        .replaceAll("&amp;", "&"),
    );
    return this.#texts;
  }
}

function splitLines(text) {
  return text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
}

/** What the build packed: the questions, every variant, each distinct file once. */
class Template {
  constructor({ source, first, questions, files, variants }) {
    this.source = source;
    this.first = first;
    this.questions = questions;
    this.varied = questions.filter(({ choices }) => choices.length);
    const every = files.map((file) => new TemplateFile(file));
    this.variants = variants.map((variant) => ({
      ...variant,
      files: new Map(variant.files.map((number) => [every[number].path, every[number]])),
    }));
    this.defaults = this.resolve(new Map());
  }

  /** Unpack the data; rejects in a browser without DecompressionStream. */
  static async unpack(packed) {
    const binary = atob(packed);
    const bytes = new Uint8Array(binary.length);
    for (let index = 0; index < binary.length; index++) {
      bytes[index] = binary.charCodeAt(index);
    }
    const inflated = new Blob([bytes])
      .stream()
      .pipeThrough(new DecompressionStream("deflate"));
    return new Template(await new Response(inflated).json());
  }

  /**
   * Answer each question in its order: as wanted where the answers before offer that,
   * by the default otherwise.
   *
   * @returns {object} `answers`, by name; `chosen`, those that are not the default;
   *   `offered`, the sets of what can be chosen; `refused`, the names of the questions
   *   that have a default because what was wanted is not offered; and the `variant`.
   */
  resolve(wanted) {
    // In the order of the build, in which the default comes first.
    let left = this.variants;
    const [answers, chosen, offered] = [new Map(), new Map(), new Map()];
    const refused = [];
    for (const { name, choices, default: text } of this.questions) {
      const index = offered.size;
      const every = new Set(left.map((variant) => variant.answers[index]));
      const standard = choices.length ? [...every][0] : text;
      let answer = wanted.get(name) ?? standard;
      if (!choices.length) {
        answer ||= standard;
      } else {
        if (!every.has(answer)) {
          refused.push(name);
          answer = standard;
        }
        offered.set(name, every);
        left = left.filter((variant) => variant.answers[index] === answer);
      }
      answers.set(name, answer);
      if (answer !== standard) chosen.set(name, answer);
    }
    return { answers, chosen, offered, refused, variant: left[0] };
  }
}
