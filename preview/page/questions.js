"use strict";

/** Build a control for each question; `onAnswer` gets its name and the answer. */
function buildQuestions(form, template, onAnswer) {
  form.replaceChildren(
    ...template.questions.map((question) =>
      question.choices.length ? buildChoices(question) : buildText(question),
    ),
  );
  form.addEventListener("input", ({ target }) => onAnswer(target.name, target.value));
  form.addEventListener("submit", (event) => event.preventDefault());
}

/** Show the answers, and what can be chosen beside them. */
function showQuestions(form, { answers, offered }) {
  for (const control of form.querySelectorAll("input")) {
    const answer = answers.get(control.name);
    if (control.type === "radio") {
      control.checked = control.value === answer;
      control.disabled = !offered.get(control.name).has(control.value);
    } else if (control !== document.activeElement) {
      control.value = answer;
    }
  }
}

function buildChoices({ name, title, help, choices }) {
  return make(
    "fieldset",
    { "aria-describedby": `help-${name}` },
    make("legend", {}, title),
    ...choices.map(({ value, label, needs }) =>
      make(
        "label",
        { title: `${name}=${value}` },
        make("input", { type: "radio", name, value }),
        make("span", {}, ...buildLabel(label)),
        " ",
        needs ? make("small", { class: "needs" }, `needs ${needs}`) : null,
      ),
    ),
    make("p", { id: `help-${name}` }, help),
  );
}

function buildText({ name, title, help, default: text }) {
  return make(
    "div",
    { class: "text" },
    make("label", { for: `question-${name}` }, title),
    make("input", {
      id: `question-${name}`,
      name,
      placeholder: text,
      autocomplete: "off",
      spellcheck: "false",
      "aria-describedby": `help-${name}`,
    }),
    make(
      "p",
      { id: `help-${name}` },
      `${help} Here it changes the command only: the files show “${text}”.`,
    ),
  );
}

/** Set what a label has in brackets apart. */
function buildLabel(label) {
  const [, words, aside] = label.match(/^(.*?)(?: \((.*)\))?$/);
  return aside ? [words, " ", make("small", {}, aside)] : [words];
}
