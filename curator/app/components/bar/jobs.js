// @ts-check
// What a browser remembers of jobs, and what it says of them. Pure functions.

/** What a browser remembers: the newest job that it has told of, and those up to there that were still running. @typedef {{after: number, watched: number[]}} Memory */

/**
 * The jobs whose end this browser has not told yet; none for a browser that was never here.
 * @param {Memory | null} memory @param {EndedJob[]} ended
 */
export const untold = (memory, ended) =>
  ended.filter(({ number }) => memory && (number > memory.after || memory.watched.includes(number)));

/** What to remember when all of an answer has been told. @param {NavigationAnswer} answer @returns {Memory} */
export const remembered = ({ newest, running }) => ({ after: newest, watched: running.map(({ number }) => number) });

/** How far a job is: "45 %". @param {RunningJob} job */
const percentOf = ({ progress }) => `${Math.floor(100 * progress)} %`;

/**
 * What the chip shows of the jobs that run: the one that was begun last, and how many others there are.
 * @param {RunningJob[]} running
 */
export function chipOf(running) {
  const job = running[running.length - 1];
  if (!job) return null;
  const others = running.length > 1 ? ` +${running.length - 1}` : "";
  return {
    page: job.page,
    name: job.name + others,
    percent: percentOf(job),
    says: job.left ? `${job.left} left` : job.message || "starting …",
    all: running.map((one) => [one.name, percentOf(one), one.left && `${one.left} left`, one.message].filter(Boolean).join(", ")).join("\n"),
  };
}

/**
 * The document's title: before the page's own stands what has just ended, else how far the job is that runs.
 * @param {string} own @param {EndedJob | undefined} ended @param {RunningJob[]} running
 */
export function titled(own, ended, running) {
  const chip = chipOf(running);
  const says = ended ? `${ended.told.good ? "✓" : "!"} ${ended.told.title}` : chip && `${chip.percent} ${chip.name}`;
  return says ? `${says} · ${own}` : own;
}
