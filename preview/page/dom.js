"use strict";

/** Make an element with attributes (`false` leaves one out) and children. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** Say a number with its noun: "1 file", "1,964 lines". */
function count(number, noun) {
  return `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;
}

/** Make the counts of added and removed lines. */
function makeDelta({ added, removed }) {
  return make(
    "span",
    { class: "delta" },
    added ? make("span", { class: "added" }, `+${added}`) : null,
    removed ? make("span", { class: "removed" }, `−${removed}`) : null,
  );
}

/** Make a button that copies a text, and says when it has. */
function makeCopyButton(getText, what) {
  const button = make("button", { type: "button", class: "copy" }, "Copy");
  button.setAttribute("aria-label", `Copy ${what}`);
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(getText());
      button.textContent = "Copied";
    } catch {
      button.textContent = "Not allowed";
    }
    setTimeout(() => (button.textContent = "Copy"), 1500);
  });
  return button;
}
