// What the page is told about the engine by the function that serves it.

export const engine = JSON.parse(document.querySelector('meta[name="engine"]').content);

export const isFinal = (status) => engine.final.includes(status);

export const isCancellable = (status) => engine.cancellable.includes(status);
