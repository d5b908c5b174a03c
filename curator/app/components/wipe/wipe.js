// @ts-check
// Two pictures under a moving line. The range input lies over both: mouse, fingers and arrow keys move it.

import { partsOf } from "../shared.js";

/** @typedef {{name: string, sha256: string}} Side */

/** @param {ComponentArguments<{first: Side, second: Side}>} page */
export default function ({ data, parentElement }) {
  const { wipe, at, first, second, left, right } = partsOf(parentElement);
  const leave = new AbortController();
  const move = () => {
    wipe.style.setProperty("--at", `${at.value}%`);
    at.setAttribute("aria-valuetext", `${at.value} % ${data.first.name}, the rest ${data.second.name}`);
  };
  for (const [image, side] of [[first, data.first], [second, data.second]]) {
    image.src = `/pictures/${side.sha256}`;
    image.alt = side.name;
  }
  left.textContent = data.first.name;
  right.textContent = data.second.name;
  at.setAttribute("aria-label", `How much of ${data.first.name} is shown, over ${data.second.name}`);
  at.addEventListener("input", move, { signal: leave.signal });
  move();
  return () => leave.abort();
}
