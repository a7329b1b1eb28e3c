// Derives what each state of an execution did from the events of its history.

const CONTAINER = /^(Parallel|Map)(State|Iteration)/;

/** The details of an event, whose name depends on its type; undefined if it has none. */
export const detailsOf = (event) => Object.entries(event).find(([name]) => name.endsWith("EventDetails"))?.[1];

export class History {
  /** Visits of states in the order in which they were entered, and the transitions that were taken. */
  constructor() {
    this.events = [];
    this.visits = [];
    this.taken = new Set();
    this.owners = [null];
  }

  add(event) {
    this.events.push(event);
    this.owners.push(this.visitOf(event));
  }

  /** The visit of a state to show: a running one, a failed one among parallel ones, or the latest. */
  current(name) {
    const visits = this.visits.filter((visit) => visit.name === name);
    const last = visits.at(-1);
    return (
      visits.find((visit) => visit.status === "RUNNING") ??
      visits.findLast((visit) => visit.status === "FAILED" && visit.container === last.container) ??
      last
    );
  }

  visitOf(event) {
    const { type, timestamp: at, previousEventId: previous } = event;
    const details = detailsOf(event) ?? {};
    const before = this.owners[previous];
    if (type.endsWith("StateEntered")) return this.enter(event, details, before);
    if (type.endsWith("StateExited")) {
      const visit = climb(before, (one) => one.name === details.name && one.status === "RUNNING");
      if (!visit) return before;
      const caught = visit.failed || visit.attempts.at(-1)?.status === "FAILED";
      this.settle(visit, before);
      Object.assign(visit, { left: at, output: details.output, status: caught ? "CAUGHT" : "SUCCEEDED" });
      return visit;
    }
    if (type === "ExecutionSucceeded") {
      this.taken.add(transition(before?.name, undefined));
      return before;
    }
    if (type.startsWith("Execution") && type !== "ExecutionStarted") {
      if (type === "ExecutionFailed") {
        blame(before, null, at, details);
        if (before) this.taken.add(transition(before.name, undefined));
      }
      for (const visit of this.visits) if (visit.status === "RUNNING") abort(visit, at);
      return before;
    }
    if (CONTAINER.test(type)) return this.within(event, before);
    if (type.endsWith("Scheduled")) {
      before?.attempts.push({ at, input: details.input ?? details.parameters, status: "RUNNING" });
    } else if (/(Succeeded|Failed|TimedOut)$/.test(type) && before) {
      const status = type.endsWith("Succeeded") ? "SUCCEEDED" : "FAILED";
      const { output, error, cause } = details;
      Object.assign(before.attempts.at(-1) ?? {}, { left: at, status, output, error, cause });
      if (status === "FAILED") Object.assign(before, { error, cause });
    }
    return before;
  }

  enter({ type, timestamp: at, previousEventId: previous }, details, before) {
    const opened = ["ParallelStateStarted", "MapIterationStarted"].includes(this.events[previous - 1]?.type);
    const container = (opened ? before : before?.container) ?? null;
    const visit = {
      name: details.name,
      type: type.replace("StateEntered", ""),
      at,
      input: details.input,
      status: "RUNNING",
      attempts: [],
      container,
    };
    this.taken.add(transition(opened ? undefined : before?.name, visit.name));
    this.visits.push(visit);
    return visit;
  }

  /** An event of a Parallel or Map state itself, which may follow one of the states in it. */
  within({ type, timestamp: at }, before) {
    const kind = type.match(CONTAINER)[1];
    const visit = climb(before, (one) => one.type === kind && one.status === "RUNNING");
    if (!visit) return before;
    const attempt = visit.attempts.at(-1);
    if (type.endsWith("StateStarted")) {
      if (attempt) Object.assign(attempt, { left: at, status: "FAILED", error: before?.error, cause: before?.cause });
      this.settle(visit, before, at);
      visit.attempts.push({ at, status: "RUNNING" });
    } else if (type.endsWith("StateSucceeded")) {
      Object.assign(attempt ?? {}, { left: at, status: "SUCCEEDED" });
    } else if (type.endsWith("StateFailed")) {
      const { error, cause } = before ?? {};
      Object.assign(attempt ?? {}, { left: at, status: "FAILED", error, cause });
      Object.assign(visit, { failed: true, error, cause });
      this.settle(visit, before, at);
    }
    return visit;
  }

  /** Ends the running visits in a container: those that led to `culprit` failed, the others were aborted. */
  settle(container, culprit, at = culprit?.at) {
    if (culprit !== container) blame(culprit, container, at, {});
    for (const visit of this.visits) {
      if (visit.status === "RUNNING" && visit !== container && climb(visit, (one) => one === container)) abort(visit, at);
    }
  }
}

export const transition = (from = "", to = "") => `${from}\n${to}`;

function climb(visit, matches) {
  while (visit && !matches(visit)) visit = visit.container;
  return visit;
}

function blame(visit, until, at, { error, cause }) {
  for (; visit && visit !== until; visit = visit.container) {
    if (visit.status !== "RUNNING") continue;
    visit.left = at;
    visit.status = "FAILED";
    visit.error ??= error;
    visit.cause ??= cause;
  }
}

function abort(visit, at) {
  visit.left = at;
  visit.status = "ABORTED";
}
