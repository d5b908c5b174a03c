// What Python and our routes hand to the components, for the type checker alone; no browser reads this file.

/** The kinds of errors that our routes tell apart: `code` of WinnowError and its subclasses (docs/architecture.md). */
type ErrorCode =
  | "already_decided"
  | "damaged"
  | "database_busy"
  | "database_unavailable"
  | "disk_full"
  | "impossible"
  | "malformed"
  | "not_allowed"
  | "not_json"
  | "not_now"
  | "not_there"
  | "stale_page"
  | "store_unavailable"
  | "time_up"
  | "too_large"
  | "too_much"
  | "too_slow"
  | "unstorable";

/** Red, green, blue and opacity, 0 to 255 each. */
type Colour = [number, number, number, number];

/** The colours of a mask over its photo (curator/pictures/tint.py). */
interface Tint {
  fill: Colour;
  edge: Colour;
}

/** A tint that a reviewer can choose; the first is the usual one. */
interface NamedTint extends Tint {
  name: string;
  label: string;
}

/** Why an example is rejected (curator/review/reasons.py); the one without a key is "no reason given". */
interface Reason {
  name: string;
  label: string;
  key: string | null;
}

/** What a reviewer says of a mask. */
type Decision = "keep" | "fix" | "reject";

interface Opinion {
  reviewer: string;
  decision: Decision;
  reason: string | null;
}

/** An example as `/api/deck` deals it; `image`, `mask` and `unknown` are hashes of pictures, `suspicion` is 0 to 1; `terms` say licence and consent; `repaired_by` repaired the mask. */
interface Card {
  example: number;
  image: string;
  mask: string;
  unknown: string | null;
  photo: string;
  split: string;
  suspicion: number;
  reasons: string[];
  drawn: boolean;
  terms: string;
  repaired_by: string | null;
  opinions?: Opinion[];
}

/** Which examples a reviewer asked for, as `/api/deck` takes it. */
interface Wanted {
  show?: string;
  reason?: string | null;
  reviewer?: string | null;
  [other: string]: unknown;
}

/** How many examples stand at each state, by its name. */
type Counts = Record<string, number>;

/** What a page counts beside its cards: `left` where it looks, `elsewhere` outside its filter; `others` have that many in hand, until then (ms since the epoch, 0 for none) unless they go on. */
interface Stand {
  counts: Counts;
  left: number;
  elsewhere: number;
  others: number;
  until: number;
  upto: number;
}

/** The order of events of a reviewer: milliseconds since the epoch, and a count that grows when clocks are set back. */
type Order = [number, number];

/** A verdict on its way to the server. */
interface Item {
  example: number;
  photo?: string;
  decision: Decision | "undo";
  reason: string | null;
  settles: boolean;
  mask?: string;
  from: string;
  to: string;
  client_id: string;
  order: Order;
  error?: string;
}

/** What a reviewer did with a card; verdicts of one grid have the same `commit`; `was` is the verdict before of one judged again; `settles` as in Item. */
interface Entry {
  card: Card;
  did: Decision | "skip";
  reason?: string | null;
  client_id: string;
  order: Order;
  commit?: string;
  was?: Decision | null;
  settles?: boolean;
}

/**
 * When a pace is measured (curator/review/progress.py): a longer gap than `pause_ms` is a pause; the newest `recent_ms` count,
 * for a forecast the newest `forecast_ms`. There is no pace of less than `least_ms` of work, and no forecast before `enough`
 * verdicts were given in `enough_ms` of it.
 */
interface PaceLimits {
  pause_ms: number;
  recent_ms: number;
  forecast_ms: number;
  least_ms: number;
  enough_ms: number;
  enough: number;
}

type Point = [x: number, y: number];

/** A square of a photo (curator/pictures/crop.py), in the photo's pixels and degrees. */
interface Square {
  top: number;
  left: number;
  side: number;
  rotation: number;
}

/** A photo's size in pixels. */
interface Size {
  width: number;
  height: number;
}

/** A crop's side (curator/ingest/aside.py): at least `least` pixels, at most `most` times the photo's longest side. */
interface SideLimits {
  least: number;
  most: number;
}

/** What a deck or grid is given. */
interface ReviewData {
  reviewer: string;
  token: string;
  wanted: Wanted;
  lead: boolean;
  side: number;
  tints: NamedTint[];
  reasons: Reason[];
  pace: PaceLimits;
}

/** A job that runs, or that has ended, as `/api/navigation` tells of it (curator/news.py). */
interface RunningJob {
  number: number;
  name: string;
  page: string;
  progress: number;
  message: string;
  left: string;
  seconds: number;
}
interface EndedJob {
  number: number;
  told: { good: boolean; title: string; words: string; steps: { label: string; page: string }[] };
}

/** What `/api/navigation` answers: what stands below each step, whether that of Touch-up is a clock, and the jobs. */
interface NavigationAnswer {
  counts: Record<string, string>;
  clock: boolean;
  running: RunningJob[];
  ended: EndedJob[];
  newest: number;
}

/** What Streamlit calls a component with. */
interface ComponentArguments<Data> {
  data: Data;
  parentElement: ShadowRoot;
  setTriggerValue: (name: string, value: unknown) => void;
}

/** What browser tests look into: where the photo lies on its canvas, and the mask. */
interface Window {
  __winnowTray?: object;
  __winnowPainter?: object;
  __winnowUpload?: object;
}
