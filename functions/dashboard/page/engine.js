// Facts about the engine, from the function that serves the page.

export const engine = JSON.parse(document.querySelector('meta[name="engine"]').content);

export const isFinal = (status) => engine.final.includes(status);

export const isCancellable = (status) => engine.cancellable.includes(status);

/** Returns whether an order is being executed: it neither waits for the market nor has ended. */
export const isRunning = (status) => status !== "open" && !isFinal(status);
